#pragma once
// File systems and binds by the mount API of kernel 5.2 (fsopen, open_tree, move_mount; mount_setattr 5.12):
// everything is a detached mount first, complete with flags and id map, and then attached in one step.
#include <cstdint>
#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace tsct {

struct MountOptions {
  uint64_t set = 0;  // MOUNT_ATTR_*
  bool recursive = false;
  bool bind = false;
  std::vector<std::string> data;  // the file system's own
};

// Splits mount(8) style options into flags and data. Propagation words are refused: the tree is shared as
// one.
MountOptions parse_mount_options(const std::vector<std::string>& options);

// A new file system as a detached mount. Throws SysError whose detail is the kernel's own message.
UniqueFd new_filesystem(const std::string& type, const std::string& source, const MountOptions& options,
                        std::string_view step);

// A detached copy of what is mounted at an open directory or file.
UniqueFd clone_mount(int fd, bool recursive, std::string_view step, std::string_view target);

void set_mount_attributes(int mount_fd, uint64_t set, uint64_t clear, bool recursive, int userns_fd,
                          std::string_view step, std::string_view target);

// Attaches a detached mount onto an open directory or file.
void attach_mount(int mount_fd, int target_fd, std::string_view step, std::string_view target);

}  // namespace tsct
