// sched_getaffinity(2), by which nproc(1) and most runtimes count CPUs: it knows of cpusets, not of quotas.
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

namespace tsct {
namespace {

// A thread's number where it lives, which is what it calls itself: the last one of NSpid.
pid_t own_number(pid_t thread) {
  Text<64> proc;
  proc.add("/proc/").number(thread);
  char text[4096];
  if (!read_text(proc.c_str(), "status", text, sizeof text)) return -1;
  char* at = strstr(text, "\nNSpid:");
  if (!at) return -1;
  char* end = strchr(at + 1, '\n');
  while (end > at && *end != '\t') end--;
  return atoi(end);
}

// CPUs' worth of time that one group may take, rounded up; 0: any.
int64_t quota_of(const char* group, bool is_v1) {
  char text[64], *at;
  if (!read_text(group, is_v1 ? "cpu.cfs_quota_us" : "cpu.max", text, sizeof text)) return 0;
  int64_t quota = strtoll(text, &at, 10);
  if (quota <= 0) return 0;  // `max`, -1
  if (is_v1 && !read_text(group, "cpu.cfs_period_us", at = text, sizeof text)) return 0;
  int64_t period = strtoll(at, nullptr, 10);
  return period > 0 ? (quota + period - 1) / period : 0;
}

// The least of its own and of those above it.
int64_t cpu_quota(const Supervisor& s) {
  bool is_v1 = s.fields().number("cpu_v1") == 1;
  Path group;
  int64_t least = 0;
  for (group.add(s.setting("cpu_group")); group.size() > 0; group.cut('/')) {
    int64_t quota = quota_of(group.c_str(), is_v1);
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  }
  return least;
}

// The first `most` of the set; false when there are no more than that.
bool keep_first(unsigned char* set, size_t size, int64_t most) {
  bool dropped = false;
  for (size_t i = 0; i < size * 8; i++) {
    unsigned char bit = static_cast<unsigned char>(1U << (i % 8));
    if (!(set[i / 8] & bit) || most-- > 0) continue;
    set[i / 8] &= static_cast<unsigned char>(~bit);
    dropped = true;
  }
  return dropped;
}

}  // namespace

bool answer_cpus(const Supervisor& s, const seccomp_notif& call, ShareAnswer& answer) {
  auto asked = static_cast<pid_t>(call.data.args[0]);
  size_t size = static_cast<unsigned>(call.data.args[1]);
  if (size > sizeof answer.bytes && size % sizeof(long) == 0) size = sizeof answer.bytes;
  // Of the thread, as it is: what a program has bound itself to is no more than that. A size that the kernel
  // does not take it refuses here, too.
  long n = size > sizeof answer.bytes ? -1 : syscall(SYS_sched_getaffinity, call.pid, size, answer.bytes);
  if (n <= 0 || (asked != 0 && asked != own_number(static_cast<pid_t>(call.pid)))) return false;
  answer.address = call.data.args[2];
  answer.size = static_cast<size_t>(n);
  answer.result = n;
  int64_t quota = cpu_quota(s);
  return quota > 0 && keep_first(reinterpret_cast<unsigned char*>(answer.bytes), answer.size, quota);
}

}  // namespace tsct
