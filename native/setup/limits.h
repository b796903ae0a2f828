#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "setup/plan.h"

namespace tsct {

// "RLIMIT_NOFILE" → 7. Every name of getrlimit(2); throws SysError for another.
int rlimit_number(std::string_view name);

// Resource limits come in two steps, because raising a hard limit needs CAP_SYS_RESOURCE in the *first* user
// namespace, and setting those of a process under another uid needs it too (prlimit(2)), which not every
// host's root has:
// 1. outer, before it clones init: raises its own hard limits where the plan wants more; init inherits them.
//    What the host does not allow is cut down in `limits` to what it does; returns the names of those. The
//    caller decides whether that is a warning (tsct's default) or an error (the admin's wish).
// 2. inner, before exec: apply_rlimits() on itself, which now only lowers hard limits.
// Throws SysError.
std::vector<std::string> raise_hard_limits(std::vector<Rlimit>& limits);
void apply_rlimits(const std::vector<Rlimit>& limits);

// The CPUs that this process and its children may run on; none given: left alone. EINVAL: this host has none
// of them.
void apply_cpu_affinity(const std::vector<unsigned>& cpus);

// Writes /proc/PID/oom_score_adj. Below what the process began with it needs CAP_SYS_RESOURCE in the first
// user namespace: the detail of the SysError says so.
void apply_oom_score_adj(pid_t pid, int score);

}  // namespace tsct
