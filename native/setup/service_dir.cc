#include "setup/service_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kLockStep = "lock service";
constexpr const char* kRemoveStep = "remove records of service";

// Whoever removed it may have taken the file away between our open and flock.
bool is_named(int fd, const std::string& path) {
  struct stat held, named;
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

}  // namespace

void lock_file(int fd, int how, const std::string& path) {
  int result;
  do {
    result = ::flock(fd, how);
  } while (result < 0 && errno == EINTR);
  check(result, kLockStep, "flock", path);
}

UniqueFd lock_service_dir_if_there(const std::string& dir, int how) {
  std::string name = dir + "/lock";
  for (;;) {
    UniqueFd fd(::open(name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) {
      if (errno != ENOENT) fail(kLockStep, "open", name);
      // Empty where somebody was killed between the two steps of making or removing it. Who is between them
      // now makes it again.
      ::rmdir(dir.c_str());
      return fd;
    }
    lock_file(fd.get(), how, name);
    if (is_named(fd.get(), name)) return fd;
  }
}

UniqueFd lock_service_dir(const std::string& dir, int how) {
  for (;;) {
    if (UniqueFd fd = lock_service_dir_if_there(dir, how)) return fd;
    std::string name = dir + "/lock";
    try {
      make_directories(dir, kLockStep);
    } catch (const SysError& e) {
      if (e.err != ENOENT) throw;  // as below, the directory above it
    }
    // Between the two the directory may be removed by the last user's end.
    UniqueFd made(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!made && errno != ENOENT) fail(kLockStep, "open", name);
  }
}

void remove_service_dir(const std::string& dir) {
  std::error_code error, first;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    if (entry.path().filename() == "lock") continue;
    std::filesystem::remove_all(entry.path(), error);
    if (error && !first) first = error;
  }
  if (first) {
    errno = first.value();
    fail(kRemoveStep, "unlink", dir);
  }
  // Last: by the lock the rest is found again.
  ::unlink((dir + "/lock").c_str());
  if (::rmdir(dir.c_str()) < 0 && errno != ENOENT) fail(kRemoveStep, "rmdir", dir);
}

}  // namespace tsct
