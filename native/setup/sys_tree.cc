// /sys: read-only, and only what describes devices. A plain sysfs would show /sys/kernel/debug and tracing,
// and units of a stock systemd would try to mount there; a read-only /sys is also how systemd-udevd, networkd
// and logind recognise a container (CONTAINER_INTERFACE).
#include <sys/stat.h>

#include "setup/mount.h"
#include "setup/tree.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {

void build_sys(const LaunchPlan& plan, int root_fd, int sysfs_mount) {
  const char* step = "build /sys";
  MountOptions options;
  options.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  options.data = {"mode=0555", "size=4m", "nr_inodes=1k"};
  UniqueFd skeleton = new_filesystem("tmpfs", "sysfs", options, step);
  attach_mount(skeleton.get(), make_directory_in_root(root_fd, "/sys", step).get(), step, "/sys");
  attach_mount(sysfs_mount, make_directory_in_root(skeleton.get(), "full", step).get(), step, "/sys/full");
  for (const auto& name : plan.sys_skeleton) {
    std::string full = "full/" + name;
    UniqueFd source(openat2(skeleton.get(), full.c_str(), O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT));
    if (!source && errno == ENOENT) continue;
    if (!source) fail(step, "openat2", full);
    UniqueFd part = clone_mount(source.get(), false, step, full);
    set_mount_attributes(part.get(), options.set | MOUNT_ATTR_RDONLY, 0, false, -1, step, full);
    attach_mount(part.get(), make_directory_in_root(skeleton.get(), name, step).get(), step, name);
  }
  UniqueFd full = open_in_root(skeleton.get(), "full", O_PATH | O_DIRECTORY, step);
  std::string full_path = "/proc/self/fd/" + std::to_string(full.get());
  check(::umount2(full_path.c_str(), MNT_DETACH), step, "umount2", "/sys/full");
  full.reset();
  check(::unlinkat(skeleton.get(), "full", AT_REMOVEDIR), step, "unlinkat", "/sys/full");
  for (const char* name : {"fs/cgroup", "fs/bpf"}) make_directory_in_root(skeleton.get(), name, step);
  set_mount_attributes(skeleton.get(), MOUNT_ATTR_RDONLY, 0, false, -1, step, "/sys");
}

}  // namespace tsct
