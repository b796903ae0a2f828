#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "probe/attempt.h"
#include "probe/probes.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

// A copy of a directory's mount, attached nowhere, that shows ids 0.. as kProbeBase.. (mount_setattr(2),
// since 5.12; which file systems can do it is the question).
UniqueFd idmapped_clone(const std::string& dir, int userns) {
  constexpr const char* kStep = "id-map a mount";
  UniqueFd tree(check(::open_tree(AT_FDCWD, dir.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), kStep,
                      "open_tree", dir));
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV;
  attr.userns_fd = static_cast<uint64_t>(userns);
  check(::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attr, sizeof attr), kStep, "mount_setattr", dir);
  return tree;
}

void make_directory(const std::string& path) {
  check(::mkdir(path.c_str(), 0755), "make a directory", "mkdir", path);
}

void make_file(const std::string& path) {
  UniqueFd fd(check(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), "create a file",
                    "open", path));
  check(::write(fd.get(), "x", 1), "write a file", "write", path);
}

void expect_owner(const std::string& path, uid_t owner) {
  struct stat st {};
  check(::lstat(path.c_str(), &st), "read an owner", "lstat", path);
  if (st.st_uid != owner || st.st_gid != owner)
    refuse("read an owner", path,
           "it is " + std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid) + ", not " +
               std::to_string(owner));
}

// What a guest does to its root all day. Errors of the kernel here are often silent at mount time: an overlay
// whose work directory cannot be made comes up read-only.
void use_overlay(const std::string& root) {
  struct statvfs fs {};
  check(::statvfs(root.c_str(), &fs), "look at the overlay", "statvfs", root);
  if (fs.f_flag & ST_RDONLY) refuse("write to an overlay", root, "it came up read-only");
  expect_owner(root + "/below", 0);
  make_file(root + "/new");
  expect_owner(root + "/new", 0);
  constexpr uid_t kUser = 1000;
  check(::chown((root + "/below").c_str(), kUser, kUser), "copy a file up", "chown", root + "/below");
  expect_owner(root + "/below", kUser);
  check(::unlink((root + "/gone").c_str()), "remove a file of a lower layer", "unlink", root + "/gone");
  check(::rmdir((root + "/dir").c_str()), "remove a directory of a lower layer", "rmdir", root + "/dir");
  make_directory(root + "/dir");
  check(::rename((root + "/new").c_str(), (root + "/dir/new").c_str()), "rename a file", "rename",
        root + "/new");
}

void try_user_xattr(const std::string& path) {
  constexpr const char* kName = "user.tsct.probe";
  check(::setxattr(path.c_str(), kName, "1", 1, 0), "set a user extended attribute", "setxattr", path);
  check(::removexattr(path.c_str(), kName), "remove a user extended attribute", "removexattr", path);
}

UniqueFd nameless_file(const std::string& dir) {
  return UniqueFd(check(::open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), "create a file",
                        "open(O_TMPFILE)", dir));
}

}  // namespace

void probe_idmapped_mount(const std::string& dir) {
  struct stat before {};
  check(::stat(dir.c_str(), &before), "read an owner", "stat", dir);
  UniqueFd userns = make_user_namespace();
  UniqueFd tree = idmapped_clone(dir, userns.get());
  struct stat after {};
  check(::fstat(tree.get(), &after), "read an owner", "fstat", dir);
  if (before.st_uid < kProbeSize && after.st_uid != kProbeBase + before.st_uid)
    refuse("id-map a mount", dir, "owners show as before");
}

// The overlay as every container has it: each layer id-mapped before they are merged, and the merge made
// inside the user namespace, so that its superblock belongs to the container (userxattr, since 5.11).
void probe_overlay(const std::string& scratch) {
  for (const char* dir : {"/lower", "/lower/dir", "/rw", "/rw/upper", "/rw/work"})
    make_directory(scratch + dir);
  for (const char* file : {"/lower/below", "/lower/gone"}) make_file(scratch + file);
  UniqueFd userns = make_user_namespace();
  UniqueFd lower = idmapped_clone(scratch + "/lower", userns.get());
  UniqueFd rw = idmapped_clone(scratch + "/rw", userns.get());
  // The state root is 0700 and host-owned: the container's root could not walk to it. It finds the layers on
  // a private tmpfs over /sys, which is there on every host.
  check(::mount("tmpfs", "/sys", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"), "mount tmpfs", "mount", "/sys");
  for (const char* dir : {"/sys/lower", "/sys/rw", "/sys/root"}) make_directory(dir);
  for (auto [fd, target] : {std::pair{&lower, "/sys/lower"}, std::pair{&rw, "/sys/rw"}})
    check(::move_mount(fd->get(), "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), "attach a layer",
          "move_mount", target);
  Child guest(0, [&] {
    check(::setns(userns.get(), CLONE_NEWUSER), "enter the user namespace", "setns");
    check(::unshare(CLONE_NEWNS), "make a mount namespace", "unshare");
    check(::setresgid(0, 0, 0), "become the container's root", "setresgid");
    check(::setresuid(0, 0, 0), "become the container's root", "setresuid");
    check(::mount("overlay", "/sys/root", "overlay", MS_NODEV,
                  "lowerdir=/sys/lower,upperdir=/sys/rw/upper,workdir=/sys/rw/work,userxattr"),
          "mount overlay with userxattr", "mount", "/sys/root");
    use_overlay("/sys/root");
  });
  expect_success(guest.wait(), "use an overlay of id-mapped layers");
  expect_owner(scratch + "/rw/upper/dir/new", 0);  // 0-based on disk, whatever the container's range is
}

void probe_reflink(const std::string& dir) {
  UniqueFd from = nameless_file(dir), to = nameless_file(dir);
  check(::write(from.get(), "x", 1), "write a file", "write", dir);
  check(::ioctl(to.get(), FICLONE, from.get()), "share a file's blocks", "ioctl(FICLONE)", dir);
}

void probe_user_xattr(const std::string& dir) {
  UniqueFd file = nameless_file(dir);
  try_user_xattr("/proc/self/fd/" + std::to_string(file.get()));
}

void probe_tmpfs_user_xattr() {
  check(::mount("tmpfs", "/sys", "tmpfs", MS_NOSUID | MS_NODEV, nullptr), "mount tmpfs", "mount", "/sys");
  make_file("/sys/file");
  try_user_xattr("/sys/file");
}

}  // namespace tsct
