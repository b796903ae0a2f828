#include "exec/entrance.h"

#include <sys/personality.h>
#include <unistd.h>

#include "exec/channel.h"
#include "exec/failure.h"
#include "exec/privileges.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {

namespace {

// Hybrid hosts: limits live in v1 groups, one per hierarchy; `0` is the writer itself (cgroups(7)).
void join_v1_groups(const Target& target) {
  for (const std::string& group : target.v1)
    write_file(AT_FDCWD, group + "/cgroup.procs", "0", "enter cgroup");
}

// On the host, while there may still be the privilege to raise a hard limit. Where there is none
// (CAP_SYS_RESOURCE), the caller's hard limit stays the bound.
void take_limits(const PidOneTraits& traits) {
  for (size_t i = 0; i < traits.limits.size(); i++) {
    auto resource = static_cast<__rlimit_resource>(i);
    rlimit wanted = traits.limits[i], own;
    if (setrlimit(resource, &wanted) == 0) continue;
    check(getrlimit(resource, &own), "take over limits", "getrlimit");
    wanted.rlim_max = std::min(wanted.rlim_max, own.rlim_max);
    wanted.rlim_cur = std::min(wanted.rlim_cur, wanted.rlim_max);
    check(setrlimit(resource, &wanted), "take over limits", "setrlimit");
  }
}

// What a process inherits from the caller's login and must not bring along.
void shed_caller(const PidOneTraits& traits) {
  take_limits(traits);
  try {
    write_file(AT_FDCWD, "/proc/self/oom_score_adj", traits.oom_score_adj, "set oom score");
  } catch (const SysError& error) {
    // Below what the caller started with only with CAP_SYS_RESOURCE: stay more killable than PID 1.
    if (error.err != EACCES) throw;
  }
  try {
    write_file(AT_FDCWD, "/proc/self/loginuid", "4294967295", "reset loginuid");
  } catch (const SysError&) {
    // No audit in this kernel, or an unset one that may not be set again: nothing to hide then.
  }
  ::personality(traits.personality);
}

void enter_namespaces(const Target& target) {
  constexpr int kAll = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
                       CLONE_NEWNET | CLONE_NEWCGROUP;
  // In one call (since 5.8), so that all are those of one process at one time. Root and working directory
  // become those of the mount namespace (setns(2)).
  check(setns(target.pidfd.get(), kAll), "enter the namespaces", "setns");
}

// Keeps 0-2 and the channel, and moves the latter to 3.
int close_other_fds(int channel) {
  if (channel != 3) check(::dup3(channel, 3, O_CLOEXEC), "close file descriptors", "dup3");
  check(close_range(4, ~0U, 0), "close file descriptors", "close_range");
  return 3;
}

void enter_and_fork(const CommandPlan& plan, int channel) {
  const Target& target = plan.target;
  join_v1_groups(target);
  shed_caller(target.traits);
  enter_namespaces(target);
  become_container_root();
  clone_args args{};
  args.flags = CLONE_PARENT;  // exit_signal must be 0 then: the parent gets this process's, SIGCHLD
  pid_t pid = check(clone3(args), "fork into the container", "clone3");
  if (pid == 0) run_command(plan, close_other_fds(channel));
  tell_forked(channel, pid);
}

}  // namespace

void run_entrance(const CommandPlan& plan, int channel) {
  try {
    enter_and_fork(plan, channel);
    _exit(0);
  } catch (const SysError& error) {
    tell_failed(channel, {kExitOwnFailure, reason_of(error), ""});
  } catch (const Failure& failure) {
    tell_failed(channel, failure);
  }
  _exit(kExitOwnFailure);
}

}  // namespace tsct
