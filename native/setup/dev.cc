// /dev: a tmpfs of the host's user namespace, the only place where a guest's device nodes work.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "setup/tree.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

void make_node(const DeviceNode& device, uint32_t base_uid, uint32_t base_gid, int root_fd) {
  std::string name;
  UniqueFd parent = open_parent_in_root(root_fd, device.path, name, "make device");
  mode_t type = device.type == 'b' ? S_IFBLK : S_IFCHR;
  check(::mknodat(parent.get(), name.c_str(), type | device.mode, makedev(device.major, device.minor)),
        "make device", "mknodat", device.path);
  check(::fchmodat(parent.get(), name.c_str(), device.mode, 0), "make device", "fchmodat", device.path);
  check(::fchownat(parent.get(), name.c_str(), base_uid + device.uid, base_gid + device.gid,
                   AT_SYMLINK_NOFOLLOW),
        "make device", "fchownat", device.path);
}

void make_link(int root_fd, const std::string& path, const std::string& target) {
  std::string name;
  UniqueFd parent = open_parent_in_root(root_fd, path, name, "make device link");
  if (::symlinkat(target.c_str(), parent.get(), name.c_str()) < 0 && errno != EEXIST)
    fail("make device link", "symlinkat", path);
}

}  // namespace

void populate_dev(const LaunchPlan& plan, int root_fd) {
  mode_t old = ::umask(0);
  for (const auto& device : plan.devices) {
    make_node(device, plan.root_uid(), plan.root_gid(), root_fd);
    // udev(7) names nodes by number too; systemd looks devices up there.
    make_link(root_fd,
              std::string("/dev/") + (device.type == 'b' ? "block/" : "char/") +
                  std::to_string(device.major) + ":" + std::to_string(device.minor),
              ".." + device.path.substr(4));
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
