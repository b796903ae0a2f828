// Read-only and masked paths. All of it becomes locked when inner copies the mount namespace.
#include <sys/stat.h>

#include "setup/mount.h"
#include "setup/tree.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

// A path that is not there (another kernel configuration, another guest) needs no protection.
UniqueFd open_if_there(int root_fd, const std::string& path, const char* step) {
  try {
    return open_in_root(root_fd, path, O_PATH, step);
  } catch (const SysError& e) {
    if (e.err != ENOENT && e.err != ENOTDIR) throw;
    return UniqueFd();
  }
}

UniqueFd bind_on_itself(int fd, const std::string& path, const char* step) {
  UniqueFd mount = clone_mount(fd, true, step, path);
  attach_mount(mount.get(), fd, step, path);
  return mount;
}

void bind_over(int root_fd, const std::string& source, const std::string& path, uint64_t attributes,
               const char* step) {
  UniqueFd target = open_if_there(root_fd, path, step);
  if (!target) return;
  UniqueFd mount = clone_mount(open_in_root(root_fd, source, O_PATH, step).get(), false, step, source);
  set_mount_attributes(mount.get(), attributes | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0,
                       false, -1, step, path);
  attach_mount(mount.get(), target.get(), step, path);
}

void make_readonly(const LaunchPlan& plan, int root_fd, const std::string& path) {
  const char* step = "make read-only";
  UniqueFd there = open_if_there(root_fd, path, step);
  if (!there) return;
  UniqueFd mount = bind_on_itself(there.get(), path, step);
  // Writable parts are mounts of their own, so that sealing their parent leaves them open.
  if (path == "/proc/sys")
    for (const auto& name : plan.writable_proc_sys)
      if (UniqueFd part = open_if_there(root_fd, path + "/" + name, step))
        bind_on_itself(part.get(), name, step);
  set_mount_attributes(mount.get(),
                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, false,
                       -1, step, path);
}

void mask(int root_fd, const std::string& path) {
  const char* step = "mask";
  UniqueFd there = open_if_there(root_fd, path, step);
  if (!there) return;
  struct stat st;
  check(::fstatat(there.get(), "", &st, AT_EMPTY_PATH), step, "fstatat", path);
  const char* kind = S_ISDIR(st.st_mode)    ? "dir"
                     : S_ISFIFO(st.st_mode) ? "fifo"
                     : S_ISSOCK(st.st_mode) ? "sock"
                     : S_ISCHR(st.st_mode)  ? "chr"
                     : S_ISBLK(st.st_mode)  ? "blk"
                                            : "reg";
  bind_over(root_fd, std::string("/run/host/inaccessible/") + kind, path, MOUNT_ATTR_RDONLY, step);
}

}  // namespace

void protect_paths(const LaunchPlan& plan, int root_fd) {
  for (const auto& path : plan.readonly_paths) make_readonly(plan, root_fd, path);
  if (plan.boot_id)
    bind_over(root_fd, "/run/host/proc-sys-kernel-random-boot-id", "/proc/sys/kernel/random/boot_id",
              MOUNT_ATTR_RDONLY, "set boot_id");
  bind_over(root_fd, "/run/host/proc-kmsg", "/proc/kmsg", 0, "cover /proc/kmsg");
  for (const auto& path : plan.masked_paths) mask(root_fd, path);
}

}  // namespace tsct
