#include "sys/file.h"

#include <sys/stat.h>

#include "sys/error.h"
#include "sys/syscalls.h"

namespace tsct {

std::string read_fd(int fd, std::string_view step, std::string_view target) {
  std::string out;
  char buffer[16384];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    check(n, step, "read", target);
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

std::string read_file(int dirfd, const std::string& path, std::string_view step) {
  UniqueFd fd(check(::openat(dirfd, path.c_str(), O_RDONLY | O_CLOEXEC), step, "openat", path));
  return read_fd(fd.get(), step, path);
}

void write_file(int dirfd, const std::string& path, std::string_view content, std::string_view step) {
  UniqueFd fd(check(::openat(dirfd, path.c_str(), O_WRONLY | O_CLOEXEC), step, "openat", path));
  ssize_t n;
  do {
    n = ::write(fd.get(), content.data(), content.size());
  } while (n < 0 && errno == EINTR);
  check(n, step, "write", path);
}

void make_directories(const std::string& path, std::string_view step) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0755) < 0 && errno != EEXIST) fail(step, "mkdir", part);
    if (at != std::string::npos) at++;
  }
}

UniqueFd open_in_root(int root_fd, const std::string& path, int flags, std::string_view step) {
  const char* relative = path.c_str();
  while (*relative == '/') relative++;
  if (!*relative) relative = ".";
  return UniqueFd(
      check(openat2(root_fd, relative, static_cast<uint64_t>(flags), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS),
            step, "openat2", path));
}

namespace {

bool exists_in_root(int root_fd, const std::string& path) {
  const char* relative = path.c_str();
  while (*relative == '/') relative++;
  if (!*relative) return true;
  UniqueFd fd(openat2(root_fd, relative, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
  return static_cast<bool>(fd);
}

}  // namespace

UniqueFd open_parent_in_root(int root_fd, const std::string& path, std::string& name, std::string_view step) {
  size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) refuse(step, path, "the root directory itself was named");
  std::string trimmed = path.substr(0, end + 1);
  size_t slash = trimmed.rfind('/');
  name = slash == std::string::npos ? trimmed : trimmed.substr(slash + 1);
  if (name == "." || name == "..") refuse(step, path, "ends in . or ..");
  return make_directory_in_root(root_fd, slash == std::string::npos ? "/" : trimmed.substr(0, slash), step);
}

UniqueFd make_directory_in_root(int root_fd, const std::string& path, std::string_view step) {
  if (!exists_in_root(root_fd, path) && errno == ENOENT) {
    std::string name;
    UniqueFd parent = open_parent_in_root(root_fd, path, name, step);
    if (::mkdirat(parent.get(), name.c_str(), 0755) < 0 && errno != EEXIST) fail(step, "mkdirat", path);
  }
  return open_in_root(root_fd, path, O_PATH | O_DIRECTORY, step);
}

}  // namespace tsct
