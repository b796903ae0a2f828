#pragma once
#include "setup/plan.h"

namespace tsct {

// Starts the container of the plan for the supervisor at the other end of `supervisor_fd`. Throws SysError.
void start_container(LaunchPlan& plan, int supervisor_fd);

// Runs `body(root_fd)` on the mounted root of a container that is not running, in a private mount namespace,
// with the file system ids of the container's root. Throws SysError.
void with_mounted_root(const LaunchPlan& plan, void (*body)(int root_fd, int root_mount, void* context),
                       void* context);

}  // namespace tsct
