#pragma once
// Calls of the guest that would tell it of the whole host (share.cc).
#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace tsct {

struct Supervisor;

// Of init, and of each command that was let in and has not left: setup/share_filter.h.
constexpr int kShareListenersMax = 96;
// Whoever is let in then is told to do without.
constexpr int kShareListenersWanted = 64;

struct Share {
  int listeners[kShareListenersMax];
  int count = 0;
  int epoll = -1, timer = -1;
  int64_t since_ms = 0;  // boot of the container, CLOCK_BOOTTIME
  // Its load when it was asked for last (share_load.cc).
  int64_t load_at_ms = 0, used_us = 0;
  uint64_t loads[3] = {};
  int64_t paid_us = 0;      // until when the time is used up that it may take
  int64_t received_us = 0;  // CPU time of the supervisor by then
  // Who writes an answer, for whom.
  pid_t writer = 0;
  int listener = -1;
  uint64_t call = 0;  // 0: waited for no more
};

// What a call is to come to: bytes to be in the caller's memory, and what it returns.
struct ShareAnswer {
  uint64_t address;
  size_t size;
  int64_t result;
  alignas(8) char bytes[1024];
};

// Each returns false where the kernel's own answer will do: it says so, too, what is wrong with a call.

// share_cpus.cc: sched_getaffinity(2)
bool answer_cpus(const Supervisor& s, const seccomp_notif& call, ShareAnswer& answer);
// share_sysinfo.cc: sysinfo(2)
bool answer_sysinfo(Supervisor& s, const seccomp_notif& call, ShareAnswer& answer);

// share_load.cc: 1, 5 and 15 minutes, with 16 bits after the point
void take_load(Supervisor& s, unsigned long* loads);

}  // namespace tsct
