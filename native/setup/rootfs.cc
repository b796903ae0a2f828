#include "setup/rootfs.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "setup/volatile_root.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

std::string staged(const std::string& name) {
  return std::string(kStaging) + "/" + name;
}

UniqueFd open_staged(const std::string& name) {
  std::string path = staged(name);
  if (::mkdir(path.c_str(), 0755) < 0 && errno != EEXIST) fail("stage root", "mkdir", path);
  return UniqueFd(check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "stage root", "open", path));
}

UniqueFd mapped_clone(const std::string& path, uint64_t attributes, int userns_fd) {
  UniqueFd dir(check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "mount layer",
                     "open", path));
  UniqueFd mount = clone_mount(dir.get(), false, "mount layer", path);
  set_mount_attributes(mount.get(), attributes, 0, false, userns_fd, "mount layer", path);
  return mount;
}

}  // namespace

void make_staging() {
  check(::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr), "leave host's mounts", "mount", "/");
  make_directories(kStaging, "stage root");
  UniqueFd dir(check(::open(kStaging, O_PATH | O_DIRECTORY | O_CLOEXEC), "stage root", "open", kStaging));
  MountOptions options;
  options.set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  options.data = {"mode=0755", "size=1m", "nr_inodes=4k"};
  UniqueFd mount = new_filesystem("tmpfs", "tsct", options, "stage root");
  attach_mount(mount.get(), dir.get(), "stage root", kStaging);
  open_staged("root");  // here, because the mounter may not make anything in a tmpfs of the host's
}

void attach_layers(const LaunchPlan& plan, int userns_fd) {
  const RootfsPlan& rootfs = plan.rootfs;
  if (!rootfs.overlay) return;
  for (size_t i = 0; i < rootfs.layers.size(); i++) {
    UniqueFd mount = mapped_clone(rootfs.layers[i], MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY, userns_fd);
    attach_mount(mount.get(), open_staged("l" + std::to_string(i)).get(), "mount layer", rootfs.layers[i]);
  }
  if (rootfs.upper == RootfsPlan::Upper::kMemory) {
    open_staged("up");
    return mount_memory_upper(plan, staged("up"));
  }
  UniqueFd upper = mapped_clone(rootfs.upper_dir, MOUNT_ATTR_NODEV, userns_fd);
  attach_mount(upper.get(), open_staged("up").get(), "mount layer", rootfs.upper_dir);
}

// The kernel does not say why it could not make the work directory.
[[noreturn]] static void refuse_readonly(const RootfsPlan& rootfs) {
  struct statvfs disk;
  bool full = ::statvfs(staged("up").c_str(), &disk) == 0 && (disk.f_bavail == 0 || disk.f_favail == 0);
  refuse("mount overlay", rootfs.upper_dir,
         full ? "there is no room for its work directory"
              : "the kernel mounted it read-only: its work directory cannot be used on this file system",
         full ? ENOSPC : EROFS);
}

// fsconfig(2) takes strings of 255 bytes: names relative to the staging directory let some 60 layers fit into
// one. More are added one by one, which kernels know since 6.8.
static void name_layers(size_t count, std::vector<std::string>& data) {
  check(::chdir(kStaging), "mount overlay", "chdir", kStaging);
  std::string all;
  std::vector<std::string> each;
  for (size_t i = count; i-- > 0;) {
    std::string name = "l" + std::to_string(i);
    each.push_back("lowerdir+=" + name);
    all += (all.empty() ? "" : ":") + name;
  }
  if (all.size() < 256)
    data.push_back("lowerdir=" + all);
  else
    data.insert(data.end(), each.begin(), each.end());
}

UniqueFd mount_overlay(const RootfsPlan& rootfs) {
  MountOptions options;
  options.set = MOUNT_ATTR_NODEV;
  name_layers(rootfs.layers.size(), options.data);
  options.data.insert(options.data.end(), {"upperdir=up/tree", "workdir=up/work", "userxattr"});
  UniqueFd mount = new_filesystem("overlay", "tsct", options, "mount overlay");
  struct statvfs fs;
  check(::fstatvfs(mount.get(), &fs), "mount overlay", "fstatvfs");
  if (fs.f_flag & ST_RDONLY) refuse_readonly(rootfs);
  return mount;
}

UniqueFd mount_directory(const RootfsPlan& rootfs, int userns_fd) {
  return mapped_clone(rootfs.path, MOUNT_ATTR_NODEV, userns_fd);
}

UniqueFd attach_root(int mount_fd) {
  return attach_staged(mount_fd, "root");
}

UniqueFd attach_staged(int mount_fd, const std::string& name) {
  attach_mount(mount_fd, open_staged(name).get(), "mount root", "/");
  std::string path = staged(name);
  return UniqueFd(check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "mount root", "open", path));
}

}  // namespace tsct
