#pragma once
// "mounter": a short-lived child of inner.
//
//   namespaces   the container's user, pid, uts, ipc, net, cgroup; a mount namespace of its own (a copy of
//   outer's) may do       mount what the container's user namespace may mount must do      make the file
//   systems that have to belong to the container's namespaces, detached, and hand
//                their fds to outer, which alone can attach them where the guest cannot undo it
#include "setup/channel.h"
#include "setup/plan.h"

namespace tsct {

// True for mounts that belong to the container's namespaces (index into plan.mounts).
bool made_by_mounter(const Mount& mount);

// Each runs a mounter as a child and waits for it; a failure reaches outer through the channel.
// Everything but cgroup2: root, proc, sysfs, devpts, mqueue, overlays.
void run_mounter(const LaunchPlan& plan, const Channel& outer);
// The cgroup2 of the caller's cgroup namespace.
void run_cgroup_mounter(const LaunchPlan& plan, const Channel& outer);

// A mounter for a root alone, without the container's other namespaces: for tsct-setup edit and mount.
void run_root_mounter(const LaunchPlan& plan, const Channel& outer);

}  // namespace tsct
