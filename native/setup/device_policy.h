#pragma once
#include <vector>

#include "setup/plan.h"

namespace tsct {

// The device policy of a container. Rules apply in order, each to the kinds of access (r, w, m) that it
// names: of those that match a device, the last one decides. What no rule allows is refused.

// cgroup v2: a BPF_PROG_TYPE_CGROUP_DEVICE program (since 4.15), attached to the group behind `cgroup_fd`
// beside those of others (BPF_F_ALLOW_MULTI: all have to agree); one that tsct attached there before is
// replaced. It binds the processes of that group and of every group below, and lives as long as the group.
// Throws SysError.
void attach_device_policy(int cgroup_fd, const std::vector<DeviceRule>& rules);

// cgroup v1: writes devices.deny and devices.allow in the directory behind `cgroup_fd`. Before the group has
// any child: the kernel takes no "deny all" afterwards. v1 knows a list of exceptions and no order, so a rule
// that takes back part of what an earlier one gave cannot be written: refused. Throws SysError.
void write_device_policy(int cgroup_fd, const std::vector<DeviceRule>& rules);

// The same for a group that has processes: what is no longer allowed is taken out of the list, what is new
// put in, and the rest is allowed all the time. Throws SysError, perhaps having done a part: the same again
// goes on.
void change_device_policy(int cgroup_fd, const std::vector<DeviceRule>& rules);

}  // namespace tsct
