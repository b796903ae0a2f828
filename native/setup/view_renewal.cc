// A running guest whose lxcfs has died, or is back. It is entered by way of its init: its mounts are copies
// that nobody outside can reach.
//
// What it got at its start is locked there (mount_namespaces(7)), so that a dead lxcfs' file stays for ever.
// Over it comes the host's file, which says what the guest's own would, and over that the file of the next
// lxcfs: no reader ever finds the dead one. Guest root may take these two off again, and then does.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <set>
#include <sstream>

#include "setup/control_client.h"
#include "setup/mount.h"
#include "setup/plan.h"
#include "setup/view.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "renew share of CPUs and memory";

struct Top {
  UniqueFd fd;
  dev_t device = 0;
};

// Never asks lxcfs, which may not answer.
Top status_of(UniqueFd fd, const std::string& path) {
  struct statx st;
  check(::statx(fd.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st), kStep, "statx", path);
  return {std::move(fd), makedev(st.stx_dev_major, st.stx_dev_minor)};
}

// What the guest sees there now; no fd: nothing.
Top top_of(int root_fd, const std::string& path) {
  UniqueFd fd(openat2(root_fd, path.c_str(), O_PATH | O_NOFOLLOW, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS));
  if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return {};
  if (!fd) fail(kStep, "openat2", path);
  return status_of(std::move(fd), path);
}

// The number on the host of a process that is known by pidfd: pidfd_open(2), fdinfo.
std::string pid_of(int pidfd) {
  std::istringstream lines(read_file(AT_FDCWD, "/proc/self/fdinfo/" + std::to_string(pidfd), kStep));
  for (std::string word; lines >> word;)
    if (word == "Pid:" && lines >> word) return word;
  refuse(kStep, "init", "the kernel does not tell its number", ESRCH);
}

// Devices of each lxcfs that the guest has mounts of, dead or not: mountinfo(5) says so without asking it.
std::set<dev_t> lxcfs_devices(int init) {
  std::set<dev_t> out;
  std::istringstream lines(read_file(AT_FDCWD, "/proc/" + pid_of(init) + "/mountinfo", kStep));
  for (std::string line; std::getline(lines, line);) {
    unsigned major = 0, minor = 0;
    if (line.find(" - fuse.lxcfs ") == std::string::npos) continue;
    if (::sscanf(line.c_str(), "%*d %*d %u:%u", &major, &minor) == 2) out.insert(makedev(major, minor));
  }
  return out;
}

// A clone is a peer of the host's /proc where that is shared (each host run by systemd): what is put over it
// in the guest would be put over the host's own file, too, and no procfs could be mounted any more.
UniqueFd host_file(const std::string& path) {
  UniqueFd file(check(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), kStep,
                      "open_tree", path));
  mount_attr apart{};
  apart.propagation = MS_PRIVATE;
  check(::mount_setattr(file.get(), "", AT_EMPTY_PATH, &apart, sizeof apart), kStep, "mount_setattr", path);
  return file;
}

// `fresh`: that of the lxcfs that runs; empty: none does. `own`: the host's.
void renew_file(int root_fd, const std::string& path, UniqueFd fresh, UniqueFd own,
                const std::set<dev_t>& lxcfs) {
  Top wanted, top = top_of(root_fd, path);
  if (fresh) wanted = status_of(std::move(fresh), path);
  if (!top.fd || (wanted.fd && top.device == wanted.device)) return;
  while (lxcfs.contains(top.device)) {
    // EINVAL: it is locked.
    if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0) attach_view(own.get(), top.fd.get(), path);
    top = top_of(root_fd, path);
  }
  if (wanted.fd) attach_view(wanted.fd.get(), top.fd.get(), path);
}

UniqueFd taken_from(std::vector<ViewFile>& files, const std::string& path) {
  for (auto& file : files)
    if (file.path == path) return std::move(file.mount);
  return UniqueFd();
}

// In the guest's mount namespace and back.
void renew_files(const ViewPlan& plan, int init, std::vector<ViewFile> files) {
  std::vector<UniqueFd> own;
  for (const auto& path : plan.files) own.push_back(host_file(path));
  std::set<dev_t> lxcfs = lxcfs_devices(init);
  UniqueFd here(check(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), kStep, "open", "/proc/self/ns/mnt"));
  check(::setns(init, CLONE_NEWNS), kStep, "setns", "init");
  UniqueFd root(check(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), kStep, "open", "/"));
  for (size_t i = 0; i < plan.files.size(); i++)
    renew_file(root.get(), plan.files[i], taken_from(files, plan.files[i]), std::move(own[i]), lxcfs);
  check(::setns(here.get(), CLONE_NEWNS), kStep, "setns", "host");
}

}  // namespace

void renew_view(const LaunchPlan& plan, int connection) {
  if (!plan.view) return;
  RunningInit init = find_init(plan.run_dir);
  renew_files(*plan.view, init.pidfd.get(), view_files(*plan.view));
  if (connection >= 0) return;
  // What lxcfs does from here on the supervisor is told.
  hand_view(plan.run_dir, join_view(plan).get());
  renew_files(*plan.view, init.pidfd.get(), view_files(*plan.view));
}

}  // namespace tsct
