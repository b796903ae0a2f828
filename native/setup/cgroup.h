#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "setup/plan.h"
#include "sys/unique_fd.h"

namespace tsct {

// The groups of one container, the same in all three drivers:
//   BASE/supervisor   the supervisor and what it runs
//   BASE/payload      the guest: the root of its cgroup namespace, handed over to its root user
// Limits sit on BASE, above what the guest may write. On hybrid hosts every v1
// controller has one more group, PATH below its own mount, that the guest never sees.
class Cgroups {
 public:
  // Finds the paths; makes nothing. `supervisor` is the pid whose unit's group is BASE under systemd.
  Cgroups(const LaunchPlan& plan, pid_t supervisor);

  // Makes the v2 groups and hands the payload over. Moves nobody, except where the service manager's rules
  // want the supervisor out of BASE first: a move costs an RCU grace period (5 ms and more). Throws SysError.
  void create() const;

  // Makes the v1 groups. Returns `tasks` of each, open for writing: CLONE_INTO_CGROUP takes the v2 group, but
  // v1 knows only the move. Throws SysError.
  std::vector<UniqueFd> create_v1() const;

  // Changes limits of groups that are there, in this order; throws SysError at the first that cannot be.
  void change(const std::vector<GroupLimit>& limits) const;

  // Kills what is left in the payload and removes all groups that are empty. A group that still holds the
  // supervisor is left to it. Throws SysError when something could not be killed.
  void remove() const;

  // Gives what runs another device policy. Throws SysError.
  void change_device_policy() const;

  UniqueFd open_payload() const;
  const std::string& base() const { return base_; }
  std::string payload() const { return base_ + "/payload"; }
  std::string supervisor() const { return base_ + "/supervisor"; }
  const std::vector<std::string>& v1() const { return v1_; }
  // That of one controller; empty where it is v2's, or nobody's.
  std::string v1_of(const std::string& controller) const;

 private:
  void enable(const std::vector<GroupLimit>& limits) const;
  void share_kept(const std::vector<GroupLimit>& limits) const;
  void hand_over_payload() const;

  const LaunchPlan& plan_;
  pid_t supervisor_;
  std::string base_;
  std::vector<std::string> v1_;
};

// A group of the host's own processes, below a hierarchy's mount. Returns its path. Throws SysError.
std::string make_host_group(const std::string& mount, const std::string& path);

// Kills what is in it, waits for that, and removes it, and its parent if that is empty now. Throws SysError.
void end_host_group(const std::string& path);

}  // namespace tsct
