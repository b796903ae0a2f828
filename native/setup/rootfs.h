#pragma once
// The layers of a root file system, id-mapped one by one and attached in a staging directory, from which the
// overlay is mounted inside the container's user namespace. Id-mapping a merged overlay is EINVAL, and an
// overlay mounted by the host's root would let a guest open device nodes of a lower layer: so layer by layer,
// and there.
#include <string>

#include "setup/mount.h"
#include "setup/plan.h"

namespace tsct {

// Covered by a small tmpfs in tsct-setup's own mount namespace; on the host it only has to exist.
inline constexpr const char* kStaging = "/run/tsct";

// In an upper layer's directory: its tree, and what the kernel needs beside it.
inline constexpr const char* kUpperTree = "tree";
inline constexpr const char* kUpperWork = "work";

// After unshare(CLONE_NEWNS): cuts propagation to the host and mounts the staging tmpfs.
void make_staging();

// Attaches the plan's layers below the staging directory, id-mapped by userns_fd. Throws SysError.
void attach_layers(const LaunchPlan& plan, int userns_fd);

// The overlay of the attached layers: for a process inside the container's user namespace. The mount is
// refused if the kernel silently made it read-only.
UniqueFd mount_overlay(const RootfsPlan& rootfs);

// driver dir: the tree itself, id-mapped and nodev.
UniqueFd mount_directory(const RootfsPlan& rootfs, int userns_fd);

// Attaches a mount at this name in the staging directory and opens it.
UniqueFd attach_staged(int mount_fd, const std::string& name);

// The same at the name `root`.
UniqueFd attach_root(int mount_fd);

}  // namespace tsct
