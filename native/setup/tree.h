#pragma once
// The container's tree, built by outer in its own mount namespace, which the host's user namespace owns:
// inner's later copy of it is locked (mount_namespaces(7)), so that guest root cannot unmount a mask or lift
// ro and nodev.
//
// Everything here runs with the file system ids of the container's root (what is made belongs to it) and
// resolves paths inside the root only.
#include <map>

#include "setup/plan.h"
#include "setup/view.h"
#include "sys/unique_fd.h"

namespace tsct {

struct TreeParts {
  std::map<uint32_t, UniqueFd> mounted;  // what the mounter made, by index into plan.mounts
  UniqueFd notify_socket;                // bound at /run/host/notify
  UniqueFd run_host;                     // its mount
  UniqueFd dev;                          // the directory /dev, on its own file system
  std::vector<ViewFile> view;            // for finish_tree
  UniqueFd kmsg;  // the FIFO over /proc/kmsg, kept open so that no reader hangs in open
};

// Builds below root_fd all but /sys/fs/cgroup, which comes last because init has to be in its groups first,
// and then the rest. Throws SysError.
void build_tree(const LaunchPlan& plan, int root_fd, TreeParts& parts);
void finish_tree(const LaunchPlan& plan, int root_fd, TreeParts& parts);

// Applies file edits inside a root.
void apply_file_edits(const std::vector<FileEdit>& edits, int root_fd);
// The same in the trees of a root that is not mounted, topmost first, which is written to. False when it has
// to be mounted for it: what was done by then does no harm.
bool edit_trees(const std::vector<std::string>& trees, const std::vector<FileEdit>& edits);
// Writes the file of one edit into a directory: beside, then renamed over what is there.
void write_edit(const FileEdit& edit, int parent, const std::string& name);

// Makes a node on the file system of a /dev that is in use, or puts it in the place of another node. What is
// mounted over it, or linked out of it, counts for nothing. Throws SysError with EEXIST for anything else in
// its place.
void put_device(const DeviceNode& device, uint32_t base_uid, uint32_t base_gid, int dev_fd);
// That node is there, whatever its mode and owner have become.
bool has_device(const DeviceNode& device, int dev_fd);
// Removes a node; what is none stays.
void take_device(const std::string& path, int dev_fd);

// Device nodes, the links of dev_setup (fd, stdin, ...) and /dev/console.
void populate_dev(const LaunchPlan& plan, int root_fd);

// /run/host: read-only in the end; `parts` gets the sockets that live in it.
UniqueFd make_run_host(const LaunchPlan& plan, int root_fd, TreeParts& parts);

// Skeleton of /sys on a read-only tmpfs, out of a sysfs of the container's network namespace.
void build_sys(const LaunchPlan& plan, int root_fd, int sysfs_mount);

// Read-only and masked paths, boot_id and kmsg.
void protect_paths(const LaunchPlan& plan, int root_fd);

}  // namespace tsct
