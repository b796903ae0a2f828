#pragma once
#include "exec/options.h"
#include "exec/stdio.h"
#include "exec/target.h"

namespace tsct {

struct CommandPlan {
  const ExecOptions& options;
  const Target& target;
  StdioRoutes routes;
};

// The last stage; runs in
//   user, mnt, pid, uts, ipc, net, cgroup namespaces: the container's; cgroups: the leaf and its v1 groups
//   ids: the container's root; capabilities: all, in its user namespace; tracing: refused to the guest
// and gives all of that up, step by step, down to what a child of PID 1 has; then exec. Reports on `channel`.
[[noreturn]] void run_command(const CommandPlan& plan, int channel);

}  // namespace tsct
