#include "setup/teardown.h"

#include <sys/file.h>

#include "setup/cgroup.h"
#include "setup/id_range.h"
#include "setup/journal.h"
#include "setup/network.h"
#include "setup/port_holder.h"
#include "setup/view.h"
#include "setup/volatile_root.h"
#include "sys/error.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

// Called by the supervisor the lock is its own; called after a crash nobody has it.
bool supervisor_alive(const std::string& run_dir) {
  UniqueFd lock(::open((run_dir + "/lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) < 0;
}

void remove_run_dir(const std::string& run_dir) {
  for (const char* name :
       {"control", "console.log", "console.log.1", "supervisor.log", "network.lock", "lock"})
    ::unlink((run_dir + "/" + name).c_str());
  if (::rmdir(run_dir.c_str()) < 0 && errno != ENOENT) fail("remove run directory", "rmdir", run_dir);
}

}  // namespace

void tear_down(const LaunchPlan& plan) {
  bool alive = supervisor_alive(plan.run_dir);
  UniqueFd busy = lock_changes(plan, false);
  end_port_holder(plan);  // first: it sits in the supervisor's group
  bool systemd = plan.cgroup.driver == CgroupPlan::Driver::kSystemd;
  // Under systemd a dead supervisor's groups went with its unit.
  if (alive || !systemd) Cgroups(plan, ::getppid()).remove();
  if (plan.journal) withdraw_journal(*plan.journal, plan.run_dir);
  remove_run_upper(plan.rootfs);  // after all that could still write to it
  disconnect(plan);
  leave_view(plan);
  if (busy) ::unlink((plan.run_dir + "/network.lock").c_str());
  if (alive) return;
  remove_id_range_locks(plan);
  remove_run_dir(plan.run_dir);
}

}  // namespace tsct
