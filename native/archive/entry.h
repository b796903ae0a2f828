#pragma once
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tsct::archive {

struct Xattr {
  std::string name;
  std::string value;
};

// One object of a tree, wherever it comes from. Owners are the container's: 0 is its root.
struct Entry {
  std::string path;  // relative, normalised, "" is the tree itself
  mode_t mode = 0;   // type and permission bits
  uid_t uid = 0;
  gid_t gid = 0;
  dev_t device = 0;  // of a node
  int64_t size = 0;
  timespec atime{};
  timespec mtime{};
  std::string target;    // of a symbolic link, as written
  std::string hardlink;  // path of an earlier entry that this is another name of; else empty
  std::vector<Xattr> xattrs;

  bool is(mode_t type) const { return (mode & S_IFMT) == type; }
};

// The path without `.`, `//` and a trailing slash. Throws SysError for an absolute name, one with `..`, one
// with a zero byte: nothing is quietly bent into shape, since a tool that does so and one that does not would
// see two different trees.
std::string normalise(std::string_view name);

}  // namespace tsct::archive
