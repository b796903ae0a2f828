#include "setup/volatile_root.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>
#include <memory>

#include "setup/mount.h"
#include "setup/rootfs.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "make volatile root";

// Of the host's memory; what is used counts as the container's own.
UniqueFd new_memory_root(const RootfsPlan& rootfs) {
  MountOptions options;
  options.set = MOUNT_ATTR_NODEV;
  bool limited = rootfs.limit_by == RootfsPlan::LimitBy::kMemory;
  options.data = {"mode=0755", "size=" + (limited ? std::to_string(rootfs.limit_bytes) : "25%"),
                  "nr_inodes=1m"};
  return new_filesystem("tmpfs", "tsct", options, kStep);
}

// `base`: what ids on disk are shifted by, where no id map of a mount does it.
void make_upper_in(int dir, const RootfsPlan& rootfs, const IdMapping& uids, const IdMapping& gids) {
  struct stat top;
  const std::string& layer = rootfs.layers.back();
  check(::stat(layer.c_str(), &top), kStep, "stat", layer);
  for (const char* name : {kUpperTree, kUpperWork}) {
    check(::mkdirat(dir, name, 0700), kStep, "mkdirat", name);
    check(::fchownat(dir, name, top.st_uid + uids.host_id, top.st_gid + gids.host_id, AT_SYMLINK_NOFOLLOW),
          kStep, "fchownat", name);
  }
  check(::fchmodat(dir, kUpperTree, top.st_mode & 07777, 0), kStep, "fchmodat", kUpperTree);
}

UniqueFd open_directory(const std::string& path) {
  return UniqueFd(
      check(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), kStep, "open", path));
}

bool leads_into_usr(const std::string& target) {
  size_t at = target.find_first_not_of('/');
  return at != std::string::npos && (target.compare(at, 4, "usr/") == 0 || target.substr(at) == "usr");
}

// /bin, /sbin, /lib...: without them nothing in /usr would find its interpreter.
void copy_links(int image, int root) {
  std::unique_ptr<DIR, int (*)(DIR*)> dir(
      ::fdopendir(::openat(image, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), ::closedir);
  if (!dir) fail(kStep, "opendir", "/");
  char target[PATH_MAX];
  while (dirent* entry = ::readdir(dir.get())) {
    ssize_t n = ::readlinkat(image, entry->d_name, target, sizeof target - 1);
    if (n < 0) continue;  // no link
    target[n] = 0;
    if (leads_into_usr(target))
      check(::symlinkat(target, root, entry->d_name), kStep, "symlinkat", entry->d_name);
  }
  struct stat st;
  for (const char* name : {"bin", "sbin", "lib"})
    if (::fstatat(image, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
      refuse(kStep, std::string("/") + name, "is a directory of its own and not a link into /usr", EINVAL);
}

bool memory_holds_attributes() {
  UniqueFd mount = new_filesystem("tmpfs", "tsct", {}, kStep);
  std::string path = "/proc/self/fd/" + std::to_string(mount.get());
  return ::setxattr(path.c_str(), "user.tsct", "", 0, 0) == 0;
}

}  // namespace

void place_writes(RootfsPlan& rootfs) {
  if (rootfs.upper != RootfsPlan::Upper::kMemory || rootfs.usr_only || memory_holds_attributes()) return;
  if (rootfs.limit_by == RootfsPlan::LimitBy::kMemory)
    refuse(kStep, "tmpfs", "it holds no user attributes, and what is written to disk instead has no limit",
           ENOTSUP);
  rootfs.upper = RootfsPlan::Upper::kRun;
}

void make_run_upper(const RootfsPlan& rootfs) {
  remove_run_upper(rootfs);
  make_directories(rootfs.upper_dir, kStep);
  make_upper_in(open_directory(rootfs.upper_dir).get(), rootfs, {}, {});
}

void mount_memory_upper(const LaunchPlan& plan, const std::string& staged) {
  UniqueFd mount = new_memory_root(plan.rootfs);
  attach_mount(mount.get(), open_directory(staged).get(), kStep, staged);
  make_upper_in(mount.get(), plan.rootfs, plan.uid_mappings.at(0), plan.gid_mappings.at(0));
}

void remove_run_upper(const RootfsPlan& rootfs) {
  if (rootfs.upper == RootfsPlan::Upper::kKept || rootfs.upper_dir.empty()) return;
  std::error_code error;
  std::filesystem::remove_all(rootfs.upper_dir, error);
  if (!error) return;
  errno = error.value();
  fail("remove run's layer", "unlink", rootfs.upper_dir);
}

UniqueFd attach_usr_root(const RootfsPlan& rootfs, int image_mount) {
  // Attached before a part of it is cloned: a detached mount cannot be before 6.15.
  UniqueFd image = attach_staged(image_mount, "image");
  UniqueFd root = attach_staged(new_memory_root(rootfs).get(), "root");
  for (const auto& [name, mode] : {std::pair{"etc", 0755u}, {"root", 0700u}, {"var", 0755u}}) {
    check(::mkdirat(root.get(), name, mode), kStep, "mkdirat", name);
  }
  copy_links(image.get(), root.get());
  UniqueFd usr =
      clone_mount(open_in_root(image.get(), "usr", O_PATH | O_DIRECTORY, kStep).get(), false, kStep, "/usr");
  set_mount_attributes(usr.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, 0, false, -1, kStep, "/usr");
  attach_mount(usr.get(), make_directory_in_root(root.get(), "usr", kStep).get(), kStep, "/usr");
  return root;
}

}  // namespace tsct
