// Load of a container: how many CPUs it keeps busy, averaged over 1, 5 and 15 minutes as the kernel does for
// the whole machine (kernel/sched/loadavg.c). Nobody wakes up to look how many tasks run: the time that they
// took is counted by their group anyway, so that the averages are brought up to date when somebody asks.
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "supervisor/supervisor.h"

namespace tsct {
namespace {

constexpr int64_t kStepMs = 5000;
constexpr int kBits = 16;  // after the point, as sysinfo(2) has them
constexpr uint64_t kOne = 1 << kBits;
// e to the power of -5 s over 1, 5, 15 minutes.
constexpr uint64_t kKept[3] = {60296, 64453, 65173};

uint64_t power(uint64_t base, int64_t exponent) {
  uint64_t result = kOne;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result = result * base >> kBits;
    base = base * base >> kBits;
  }
  return result;
}

// Of all its tasks, by cgroup v2, which counts it without any controller.
int64_t used_us(const Supervisor& s) {
  constexpr const char* kWord = "usage_usec ";
  char text[64];
  if (!read_text(s.setting("payload"), "cpu.stat", text, sizeof text) || strncmp(text, kWord, strlen(kWord)))
    return 0;
  return strtoll(text + strlen(kWord), nullptr, 10);
}

}  // namespace

void take_load(Supervisor& s, unsigned long* loads) {
  Share& share = s.share;
  int64_t now = now_ms(CLOCK_BOOTTIME), steps = (now - share.load_at_ms) / kStepMs;
  if (steps > 0) {
    int64_t used = used_us(s), us = (now - share.load_at_ms) * 1000;
    uint64_t busy = used > share.used_us ? static_cast<uint64_t>(used - share.used_us) * kOne / us : 0;
    for (int i = 0; i < 3; i++) {
      uint64_t kept = power(kKept[i], steps);
      share.loads[i] = (share.loads[i] * kept + busy * (kOne - kept)) >> kBits;
    }
    share.load_at_ms = now;
    share.used_us = used;
  }
  for (int i = 0; i < 3; i++) loads[i] = share.loads[i];
}

}  // namespace tsct
