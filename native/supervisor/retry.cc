// What did not work and is done again.
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "supervisor/supervisor.h"

namespace tsct {
namespace {

constexpr int64_t kDelayMinMs = 100, kDelayMaxMs = 10000;

}  // namespace

void try_later(Supervisor& s, const char* what, int64_t& delay_ms, int& timer, uint32_t tag) {
  if (delay_ms == 0) delay_ms = kDelayMinMs;
  Line line;
  line.add(what).add("; tries again in ").number(delay_ms).add(" ms");
  log_line(s, line.c_str());
  if (timer < 0) {
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    watch(s, timer, EPOLLIN, tag);
  }
  set_timer(timer, delay_ms);
  delay_ms = delay_ms * 2 > kDelayMaxMs ? kDelayMaxMs : delay_ms * 2;
}

}  // namespace tsct
