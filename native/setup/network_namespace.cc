#include "setup/network_namespace.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "sys/error.h"

namespace tsct {
namespace {

constexpr const char* kPinStep = "keep network namespace";

std::string pin_path(const std::string& run_dir) {
  return run_dir + "/netns";
}

bool is_namespace(int fd) {
  struct statfs fs {};
  return ::fstatfs(fd, &fs) == 0 && static_cast<unsigned long>(fs.f_type) == NSFS_MAGIC;
}

void pin_here(const std::string& path, int netns) {
  UniqueFd(
      check(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), kPinStep, "open", path));
  std::string source = "/proc/self/fd/" + std::to_string(netns);
  check(::mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr), kPinStep, "mount", path);
}

// The errno of a child that has done it there.
int pin_elsewhere(const std::string& path, int netns, int host_mounts) {
  pid_t pid = check(::fork(), kPinStep, "fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      check(::setns(host_mounts, CLONE_NEWNS), kPinStep, "setns", "host");
      pin_here(path, netns);
    } catch (const SysError& e) {
      ::_exit(e.err ? e.err : EIO);
    }
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

}  // namespace

UniqueFd open_network_namespace(pid_t pid) {
  std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  return UniqueFd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open network namespace", "open", path));
}

void in_network_namespace(int netns, const std::function<void()>& body) {
  const char* step = "enter network namespace";
  UniqueFd own(check(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), step, "open", "/proc/self/ns/net"));
  check(::setns(netns, CLONE_NEWNET), step, "setns");
  struct Return {
    int fd;
    ~Return() {
      if (::setns(fd, CLONE_NEWNET) < 0) ::abort();  // what comes next would be done to the guest's
    }
  } back{own.get()};
  body();
}

bool needs_pin(const NetworkPlan& network) {
  return std::any_of(network.interfaces.begin(), network.interfaces.end(),
                     [](const InterfacePlan& plan) { return !plan.is_veth(); });
}

void pin_namespace(const std::string& run_dir, int netns, int host_mounts) {
  std::string path = pin_path(run_dir);
  if (host_mounts < 0) return pin_here(path, netns);
  if (int err = pin_elsewhere(path, netns, host_mounts)) refuse(kPinStep, path, "", err);
}

UniqueFd open_pinned_namespace(const std::string& run_dir) {
  UniqueFd fd(::open(pin_path(run_dir).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  // A start that was killed before its mount has left an empty file.
  if (fd && !is_namespace(fd.get())) fd.reset();
  return fd;
}

void unpin_namespace(const std::string& run_dir) {
  std::string path = pin_path(run_dir);
  if (UniqueFd pinned = open_pinned_namespace(run_dir)) {
    pinned.reset();
    check(::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW), kPinStep, "umount2", path);
  }
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) fail(kPinStep, "unlink", path);
}

}  // namespace tsct
