#pragma once
// Roots whose changes are gone with the run: an upper layer in memory or in a directory made for the run, and
// a root that is empty but for the image's /usr.
#include "setup/plan.h"
#include "sys/unique_fd.h"

namespace tsct {

// Upper::kRun: the directory anew, empty. Upper::kMemory: a tmpfs at `staged`, in tsct-setup's own mount
// namespace. Its root is as that of the topmost layer: the merged root shows the upper one's owner and mode.
void make_run_upper(const RootfsPlan& rootfs);
void mount_memory_upper(const LaunchPlan& plan, const std::string& staged);

// After a run: Upper::kRun's directory goes. Nothing to do for others.
void remove_run_upper(const RootfsPlan& rootfs);

// An empty tmpfs, attached as the root, that shows the image's /usr read-only and has the image's links into
// it.
UniqueFd attach_usr_root(const RootfsPlan& rootfs, int image_mount);

}  // namespace tsct
