// tsct-ports of the container, which is had again when it was killed: by tsct-setup, with longer and longer
// delays if that does not last, or if somebody else has one of the ports by then.
//
//   watched ──ends──► waiting ──delay──► tsct-setup hold-ports ──hands over its pidfd──► watched
//                        ▲                         │
//                        └──── not all of them ────┘
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"

namespace tsct {
namespace {

constexpr int64_t kSteadyMs = 10000;  // one that ran this long has the shortest delay again

void try_ports_later(Supervisor& s, const char* what) {
  try_later(s, what, s.ports_delay_ms, s.ports_timer, kTagPortsTimer);
}

void let_go(Supervisor& s) {
  if (s.ports >= 0) close(s.ports);
  s.ports = -1;
}

}  // namespace

void watch_ports(Supervisor& s, int pidfd) {
  let_go(s);
  s.ports = pidfd;
  s.ports_since_ms = now_ms(CLOCK_MONOTONIC);
  watch(s, pidfd, EPOLLIN, kTagPorts);
}

void on_ports_end(Supervisor& s) {
  if (s.ports < 0) return;
  let_go(s);
  if (now_ms(CLOCK_MONOTONIC) - s.ports_since_ms >= kSteadyMs) s.ports_delay_ms = 0;
  try_ports_later(s, "tsct-ports: it has ended, what is published is not bound");
}

void on_ports_timer(Supervisor& s) {
  uint64_t expirations;
  if (read(s.ports_timer, &expirations, sizeof expirations) < 0) return;
  if (s.state != State::kRunning || s.ports_setup_pid)
    return try_ports_later(s, "tsct-ports: somebody is still at it");
  int log = open_log(s);
  s.ports_setup_pid = spawn_setup(s, "hold-ports", -1, log);
  close(log);
}

void on_ports_setup_end(Supervisor& s, bool done) {
  s.ports_setup_pid = 0;
  if (!done && !s.tearing_down) try_ports_later(s, "tsct-ports: not all that is published is bound");
}

// Its end is wanted from here on.
void forget_ports(Supervisor& s) {
  let_go(s);
  if (s.ports_timer >= 0) set_timer(s.ports_timer, 0);
  s.ports_delay_ms = 0;
}

}  // namespace tsct
