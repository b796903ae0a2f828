#include "setup/limits.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "sys/error.h"
#include "sys/file.h"

namespace tsct {

namespace {

constexpr const char* kStep = "set resource limits";

// By number: asm-generic/resource.h; x86, arm, riscv, power and s390 have these.
constexpr std::string_view kNames[] = {
    "RLIMIT_CPU",      "RLIMIT_FSIZE",  "RLIMIT_DATA",    "RLIMIT_STACK", "RLIMIT_CORE",  "RLIMIT_RSS",
    "RLIMIT_NPROC",    "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS",    "RLIMIT_LOCKS", "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE", "RLIMIT_NICE",   "RLIMIT_RTPRIO",  "RLIMIT_RTTIME"};
static_assert(std::size(kNames) == RLIM_NLIMITS);
static_assert(kNames[RLIMIT_NOFILE] == "RLIMIT_NOFILE" && kNames[RLIMIT_RTTIME] == "RLIMIT_RTTIME");

// glibc names the resources by an enum in C++.
auto resource(const Rlimit& limit) {
  return static_cast<__rlimit_resource>(limit.resource);
}

// Nobody may open more files than fs.nr_open, CAP_SYS_RESOURCE or not (prlimit(2): EPERM).
uint64_t hard_maximum(const Rlimit& limit) {
  if (limit.resource != RLIMIT_NOFILE) return RLIM_INFINITY;
  return strtoull(read_file(AT_FDCWD, "/proc/sys/fs/nr_open", kStep).c_str(), nullptr, 10);
}

}  // namespace

int rlimit_number(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); i++) {
    if (kNames[i] == name) return static_cast<int>(i);
  }
  refuse("decode plan", name, "no such resource limit", EINVAL);
}

std::vector<std::string> raise_hard_limits(std::vector<Rlimit>& limits) {
  std::vector<std::string> clamped;
  for (Rlimit& limit : limits) {
    if (limit.soft > limit.hard) refuse(kStep, limit.name, "the soft limit is above the hard one", EINVAL);
    rlimit now;
    check(::getrlimit(resource(limit), &now), kStep, "getrlimit", limit.name);
    if (limit.hard <= now.rlim_max) continue;
    rlimit raised{now.rlim_cur, std::min<uint64_t>(limit.hard, hard_maximum(limit))};
    if (raised.rlim_max > now.rlim_max && ::setrlimit(resource(limit), &raised) < 0) {
      if (errno != EPERM) fail(kStep, "setrlimit", limit.name);
      raised.rlim_max = now.rlim_max;
    }
    raised.rlim_max = std::max(raised.rlim_max, now.rlim_max);
    if (raised.rlim_max == limit.hard) continue;
    limit.hard = raised.rlim_max;
    limit.soft = std::min(limit.soft, limit.hard);
    clamped.push_back(limit.name);
  }
  return clamped;
}

void apply_rlimits(const std::vector<Rlimit>& limits) {
  for (const Rlimit& limit : limits) {
    rlimit value{limit.soft, limit.hard};
    check(::setrlimit(resource(limit), &value), kStep, "setrlimit", limit.name);
  }
}

void apply_cpu_affinity(const std::vector<unsigned>& cpus) {
  if (cpus.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string target;
  for (unsigned cpu : cpus) {
    CPU_SET(cpu, &set);  // ignores what is beyond CPU_SETSIZE
    target += (target.empty() ? "" : " ") + std::to_string(cpu);
  }
  check(::sched_setaffinity(0, sizeof set, &set), "set CPU affinity", "sched_setaffinity", target);
}

void apply_oom_score_adj(pid_t pid, int score) {
  constexpr const char* kOomStep = "set OOM score adjustment";
  std::string text = std::to_string(score);
  try {
    write_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/oom_score_adj", text, kOomStep);
  } catch (SysError& e) {
    e.target = text;
    if (e.err == EACCES)
      e.detail = "lowering it needs CAP_SYS_RESOURCE, which root on this host does not have";
    if (e.err == EINVAL) e.detail = "must be from -1000 to 1000";
    throw;
  }
}

}  // namespace tsct
