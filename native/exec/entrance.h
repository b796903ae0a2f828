#pragma once
#include "exec/command.h"

namespace tsct {

// The stage between host and container: runs in
//   all namespaces: the host's, then the container's; cgroup: the leaf; ids: host root, then container root
// It must be a process of its own: setns(2) into a pid namespace counts for children only, and whoever has
// entered the container's user namespace cannot come back. The command becomes a child of `tsct-exec` itself
// (CLONE_PARENT), which can then wait for it. Reports on `channel` and exits.
[[noreturn]] void run_entrance(const CommandPlan& plan, int channel);

}  // namespace tsct
