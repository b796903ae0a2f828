// /dev: a tmpfs of the host's user namespace, the only place where a guest's device nodes work.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "setup/tree.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "make device";

void make_node_as(const DeviceNode& device, const std::string& name, uint32_t base_uid, uint32_t base_gid,
                  int parent) {
  mode_t type = device.type == 'b' ? S_IFBLK : S_IFCHR;
  check(::mknodat(parent, name.c_str(), type | device.mode, makedev(device.major, device.minor)), kStep,
        "mknodat", device.path);
  check(::fchmodat(parent, name.c_str(), device.mode, 0), kStep, "fchmodat", device.path);
  check(::fchownat(parent, name.c_str(), base_uid + device.uid, base_gid + device.gid, AT_SYMLINK_NOFOLLOW),
        kStep, "fchownat", device.path);
}

void make_node(const DeviceNode& device, uint32_t base_uid, uint32_t base_gid, int root_fd) {
  std::string name;
  UniqueFd parent = open_parent_in_root(root_fd, device.path, name, kStep);
  make_node_as(device, name, base_uid, base_gid, parent.get());
}

void make_link(int root_fd, const std::string& path, const std::string& target) {
  std::string name;
  UniqueFd parent = open_parent_in_root(root_fd, path, name, "make device link");
  if (::symlinkat(target.c_str(), parent.get(), name.c_str()) < 0 && errno != EEXIST)
    fail("make device link", "symlinkat", path);
}

// udev(7) names nodes by number too; systemd looks devices up there.
std::string name_by_number(char type, uint32_t number_major, uint32_t number_minor) {
  return std::string(type == 'b' ? "/block/" : "/char/") + std::to_string(number_major) + ":" +
         std::to_string(number_minor);
}

// Below /dev, as seen from there.
std::string inside_dev(const std::string& path) {
  return path.substr(4);
}

// Nothing if there is none: whoever made it away, or put a link in its place, has left nothing to remove.
UniqueFd directory_of_dev(int dev_fd, const std::string& path) {
  return UniqueFd(
      openat2(dev_fd, ("." + path).c_str(), O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
}

bool is_device(const struct stat& st) {
  return S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode);
}

}  // namespace

void put_device(const DeviceNode& device, uint32_t base_uid, uint32_t base_gid, int dev_fd) {
  constexpr const char* kNew = ".tsct-new";
  std::string name;
  UniqueFd parent = open_parent_in_root(dev_fd, inside_dev(device.path), name, kStep);
  struct stat st;
  if (::fstatat(parent.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && !is_device(st))
    refuse(kStep, device.path, "the container has made something of that name itself", EEXIST);
  mode_t old = ::umask(0);
  ::unlinkat(parent.get(), kNew, 0);
  make_node_as(device, kNew, base_uid, base_gid, parent.get());
  ::umask(old);
  check(::renameat(parent.get(), kNew, parent.get(), name.c_str()), kStep, "renameat", device.path);
  make_link(dev_fd, name_by_number(device.type, device.major, device.minor), ".." + inside_dev(device.path));
}

bool has_device(const DeviceNode& device, int dev_fd) {
  size_t slash = device.path.rfind('/');
  UniqueFd parent = directory_of_dev(dev_fd, inside_dev(device.path.substr(0, slash)));
  struct stat st;
  return parent && ::fstatat(parent.get(), device.path.c_str() + slash + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
         (st.st_mode & S_IFMT) == (device.type == 'b' ? S_IFBLK : S_IFCHR) &&
         st.st_rdev == makedev(device.major, device.minor);
}

void take_device(const std::string& path, int dev_fd) {
  size_t slash = path.rfind('/');
  std::string name = path.substr(slash + 1);
  UniqueFd parent = directory_of_dev(dev_fd, inside_dev(path.substr(0, slash)));
  struct stat st;
  if (!parent || ::fstatat(parent.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_device(st))
    return;
  if (::unlinkat(parent.get(), name.c_str(), 0) < 0 && errno != ENOENT)
    fail("remove device", "unlinkat", path);
  char type = S_ISBLK(st.st_mode) ? 'b' : 'c';
  std::string link = name_by_number(type, major(st.st_rdev), minor(st.st_rdev));
  UniqueFd links = directory_of_dev(dev_fd, type == 'b' ? "/block" : "/char");
  std::string number = link.substr(link.rfind('/') + 1);
  char target[4096];
  ssize_t n = links ? ::readlinkat(links.get(), number.c_str(), target, sizeof target) : -1;
  if (n > 0 && std::string(target, static_cast<size_t>(n)) == ".." + inside_dev(path))
    ::unlinkat(links.get(), number.c_str(), 0);
}

void populate_dev(const LaunchPlan& plan, int root_fd) {
  mode_t old = ::umask(0);
  for (const auto& device : plan.devices) {
    make_node(device, plan.root_uid(), plan.root_gid(), root_fd);
    make_link(root_fd, "/dev" + name_by_number(device.type, device.major, device.minor),
              ".." + inside_dev(device.path));
  }
  ::umask(old);
  // The links that every Linux has (systemd's dev_setup, Documentation/admin-guide/devices.rst).
  make_link(root_fd, "/dev/fd", "/proc/self/fd");
  make_link(root_fd, "/dev/stdin", "/proc/self/fd/0");
  make_link(root_fd, "/dev/stdout", "/proc/self/fd/1");
  make_link(root_fd, "/dev/stderr", "/proc/self/fd/2");
  make_link(root_fd, "/dev/core", "/proc/kcore");
  make_link(root_fd, "/dev/ptmx", "pts/ptmx");
  // The first pty of the container's own devpts, which inner opens before anybody else can.
  make_link(root_fd, "/dev/console", "pts/0");
}

}  // namespace tsct
