#pragma once
#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace tsct::copy {

// A tree to read that others may be writing. It is seen through a detached mount of its own (open_tree(2),
// mount_setattr(2), since 5.12):
//   nodev     a name swapped for a device node between look and open opens no device of the host's
//   no mounts what is mounted below is not there: nothing leads out of this file system
//   ro, noatime  reading changes nothing
UniqueFd open_source(const std::string& path);

// Several as overlay with userxattr shows them, lowest first. Blocks of such cannot be shared (another file
// system). `at` is any directory; nothing of this is seen outside the process.
UniqueFd open_merged(const std::vector<std::string>& paths, const std::string& at);

// Paths below `path` that something is mounted on, relative to it.
std::vector<std::string> mounts_below(const std::string& path);

// The directory to copy into. Throws unless it is empty.
UniqueFd open_target(const std::string& path);

}  // namespace tsct::copy
