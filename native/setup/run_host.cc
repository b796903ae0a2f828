// /run/host: what the manager tells the guest (systemd's CONTAINER_INTERFACE), read-only inside.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "setup/mount.h"
#include "setup/tree.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "fill /run/host";

void write_new(int dir, const std::string& name, const std::string& content, mode_t mode) {
  UniqueFd fd(check(::openat(dir, name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600),
                    kStep, "openat", name));
  for (size_t at = 0; at < content.size();)
    at += static_cast<size_t>(
        check(::write(fd.get(), content.data() + at, content.size() - at), kStep, "write", name));
  check(::fchmod(fd.get(), mode), kStep, "fchmod", name);
}

UniqueFd open_child(int dir, const char* name) {
  return UniqueFd(check(::openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), kStep, "openat", name));
}

// A node of each type with no permission at all: what masks are bound from.
void make_inaccessible(int dir) {
  check(::mkdirat(dir, "inaccessible", 0755), kStep, "mkdirat", "inaccessible");
  UniqueFd to = open_child(dir, "inaccessible");
  const std::pair<const char*, mode_t> nodes[] = {
      {"reg", S_IFREG}, {"fifo", S_IFIFO}, {"sock", S_IFSOCK}, {"chr", S_IFCHR}, {"blk", S_IFBLK}};
  for (const auto& [name, type] : nodes) check(::mknodat(to.get(), name, type, 0), kStep, "mknodat", name);
  check(::mkdirat(to.get(), "dir", 0), kStep, "mkdirat", "inaccessible/dir");
}

// close(2) of a descriptor that a guest passes may block for as long as the guest likes (SO_LINGER, FUSE),
// and the supervisor would have to. Since 6.16; on older kernels the supervisor stops listening (notify.cc).
void refuse_descriptors(int sock) {
  constexpr int kPassRights = 83;  // SO_PASSRIGHTS
  int off = 0;
  if (::setsockopt(sock, SOL_SOCKET, kPassRights, &off, sizeof off) < 0 && errno != ENOPROTOOPT)
    fail(kStep, "setsockopt", "SO_PASSRIGHTS");
}

// bind(2) takes a path: by the working directory it stays inside and within sun_path's 108 bytes. The guest's
// root owns the socket, so only it may write.
UniqueFd make_notify_socket(int dir) {
  UniqueFd sock(check(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), kStep, "socket", "notify"));
  int on = 1;
  check(::setsockopt(sock.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), kStep, "setsockopt",
        "SO_PASSCRED");
  refuse_descriptors(sock.get());
  UniqueFd before(check(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), kStep, "open", "."));
  check(::fchdir(dir), kStep, "fchdir", "/run/host");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, "notify");
  mode_t old = ::umask(0077);
  int bound = ::bind(sock.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  int saved = errno;
  ::umask(old);
  if (::fchdir(before.get()) < 0) fail(kStep, "fchdir");
  errno = saved;
  check(bound, kStep, "bind", "notify");
  return sock;
}

void make_kmsg(int dir, TreeParts& parts) {
  check(::mknodat(dir, "proc-kmsg", S_IFIFO | 0600, 0), kStep, "mknodat", "proc-kmsg");
  parts.kmsg.reset(
      check(::openat(dir, "proc-kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC), kStep, "openat", "proc-kmsg"));
}

void make_boot_id(int dir) {
  std::string id =
      read_file(AT_FDCWD, "/proc/sys/kernel/random/uuid", kStep);  // a new one at each read: random(4)
  write_new(dir, "proc-sys-kernel-random-boot-id", id, 0444);
}

// By name; a name may have one directory in it.
void write_files(const std::map<std::string, HostFile>& files, int dir) {
  for (const auto& [name, file] : files) {
    if (size_t slash = name.find('/'); slash != std::string::npos)
      if (::mkdirat(dir, name.substr(0, slash).c_str(), 0755) < 0 && errno != EEXIST)
        fail(kStep, "mkdirat", name);
    if (file.target.empty())
      write_new(dir, name, file.content, file.mode);
    else
      check(::symlinkat(file.target.c_str(), dir, name.c_str()), kStep, "symlinkat", name);
  }
}

}  // namespace

UniqueFd make_run_host(const LaunchPlan& plan, int root_fd, TreeParts& parts) {
  MountOptions options;
  options.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  options.data = {"mode=0755", "size=4m", "nr_inodes=1k"};
  UniqueFd mount = new_filesystem("tmpfs", "tsct", options, kStep);
  attach_mount(mount.get(), make_directory_in_root(root_fd, "/run/host", kStep).get(), kStep, "/run/host");
  int dir = mount.get();
  mode_t old = ::umask(0);
  make_inaccessible(dir);
  write_files(plan.run_host_files, dir);
  if (!plan.credentials.empty()) {
    check(::mkdirat(dir, "credentials", 0500), kStep, "mkdirat", "credentials");
    UniqueFd to = open_child(dir, "credentials");
    for (const auto& [name, content] : plan.credentials) write_new(to.get(), name, content, 0400);
  }
  if (plan.notify_socket) parts.notify_socket = make_notify_socket(dir);
  make_kmsg(dir, parts);
  if (plan.boot_id) make_boot_id(dir);
  ::umask(old);
  return mount;
}

}  // namespace tsct
