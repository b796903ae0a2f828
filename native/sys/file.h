#pragma once
#include <string>
#include <string_view>

#include "sys/unique_fd.h"

namespace tsct {

// Whole content of a small file. Throws SysError.
std::string read_file(int dirfd, const std::string& path, std::string_view step);
std::string read_fd(int fd, std::string_view step, std::string_view target);

// One write(2) into an existing file, as /proc and cgroup files want it. Throws SysError.
void write_file(int dirfd, const std::string& path, std::string_view content, std::string_view step);

// mkdir -p on the host, 0755 for what is missing. Throws SysError.
void make_directories(const std::string& path, std::string_view step);

// Opens a path as the container will see it: every symlink, absolute ones and `..` too, stays below root_fd
// (openat2(2) RESOLVE_IN_ROOT, since 5.6). Throws SysError.
UniqueFd open_in_root(int root_fd, const std::string& path, int flags, std::string_view step);

// As open_in_root, for a directory that is made, with its parents (0755), where it is missing.
UniqueFd make_directory_in_root(int root_fd, const std::string& path, std::string_view step);

// Parent directory (made if missing) of a path inside the root; `name` gets the last component.
UniqueFd open_parent_in_root(int root_fd, const std::string& path, std::string& name, std::string_view step);

}  // namespace tsct
