#include "setup/id_range.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "claim id range";

// Its last holder may have taken the file away between our open and flock: then the lock is on nothing.
bool is_named(int fd, const std::string& path) {
  struct stat held, named;
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

bool has_open(const std::string& pid, const std::string& path) {
  std::string fds = "/proc/" + pid + "/fd";
  DIR* dir = ::opendir(fds.c_str());
  if (!dir) return false;
  bool found = false;
  while (dirent* entry = found ? nullptr : ::readdir(dir)) {
    char target[PATH_MAX];
    ssize_t n = ::readlinkat(::dirfd(dir), entry->d_name, target, sizeof target);
    found = n > 0 && path == std::string_view(target, static_cast<size_t>(n));
  }
  ::closedir(dir);
  return found;
}

// Who has the file open. /proc/locks will not do: it names who once took the lock, tsct-setup, not who keeps
// it.
std::string holder(const std::string& path) {
  DIR* proc = ::opendir("/proc");
  std::string self = std::to_string(::getpid()), found;
  while (dirent* entry = proc && found.empty() ? ::readdir(proc) : nullptr) {
    std::string pid = entry->d_name;
    if (pid.find_first_not_of("0123456789") != std::string::npos || pid == self) continue;
    if (!has_open(pid, path)) continue;
    std::string command = read_file(AT_FDCWD, "/proc/" + pid + "/cmdline", kStep);
    for (char& c : command)
      if (c == 0) c = ' ';
    found = "process " + pid + " has them: " + command.substr(0, command.find_last_not_of(' ') + 1);
  }
  if (proc) ::closedir(proc);
  return found.empty() ? "somebody has them" : found;
}

}  // namespace

void claim_id_range(const LaunchPlan& plan, const SupervisorLink& supervisor) {
  for (const auto& path : plan.id_range_locks) {
    make_directories(path.substr(0, path.rfind('/')), kStep);
    UniqueFd fd;
    do {
      fd.reset(
          check(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), kStep, "open", path));
      if (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK) fail(kStep, "flock", path);
        refuse(kStep, path, holder(path));
      }
    } while (!is_named(fd.get(), path));
    supervisor.hold(fd.get());
  }
}

void remove_id_range_locks(const LaunchPlan& plan) {
  for (const auto& path : plan.id_range_locks) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && is_named(fd.get(), path)) ::unlink(path.c_str());
  }
}

}  // namespace tsct
