#pragma once
// Roots whose changes are gone with the run: an upper layer in memory or in a directory made for the run, and
// a root that is empty but for the image's /usr.
#include "setup/plan.h"
#include "sys/unique_fd.h"

namespace tsct {

// Where the overlay could not note in memory that a directory is gone or stands for itself, the writes of
// Upper::kMemory go to the directory of Upper::kRun: the overlay of a user namespace notes that in user
// attributes, which tmpfs holds since Linux 6.6 (rm -r would fail with EIO).
void place_writes(RootfsPlan& rootfs);

// Upper::kRun: the directory anew, empty. Upper::kMemory: a tmpfs at `staged`, in tsct-setup's own mount
// namespace. Its root is as that of the topmost layer: the merged root shows the upper one's owner and mode.
void make_run_upper(const RootfsPlan& rootfs);
void mount_memory_upper(const LaunchPlan& plan, const std::string& staged);

// After a run: its directory goes, if it had one.
void remove_run_upper(const RootfsPlan& rootfs);

// An empty tmpfs, attached as the root, that shows the image's /usr read-only and has the image's links into
// it.
UniqueFd attach_usr_root(const RootfsPlan& rootfs, int image_mount);

}  // namespace tsct
