#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "archive/entry.h"
#include "archive/report.h"
#include "sys/unique_fd.h"

namespace tsct::archive {

// One object met on the walk: all of Entry but xattrs (reading them needs an open file) is filled.
struct Found {
  Entry entry;
  std::shared_ptr<UniqueFd> parent;  // directory that holds it
  std::string name;                  // in there; "." for the tree itself
  bool sparse = false;               // fewer blocks than bytes
  uint64_t device = 0, inode = 0;
  uint32_t links = 0;
};

// Tells the second and later names of a file from its first one.
class LinkTable {
 public:
  // Sets `hardlink` of what is another name of what was seen before.
  void look_up(Found& found);

 private:
  std::map<std::pair<uint64_t, uint64_t>, std::pair<std::string, uint32_t>> first_;  // path, names to come
};

// Visits a tree: a directory before what is in it, names in byte order, so that the same tree is always told
// in the same order. Never follows a link and never leaves the mount it began in: a mount point is told as
// the empty directory that it covers. The second and later names of a file have `hardlink` set.
void walk(int root_fd, Report& report, const std::function<void(const Found&)>& visit);

// One object below a directory, as walk() tells it; `path` is what Entry::path becomes. Not followed.
Found look(const std::shared_ptr<UniqueFd>& parent, const std::string& name, const std::string& path);

// The file or directory for reading, not followed, never blocking.
UniqueFd open_found(const Found& found);

}  // namespace tsct::archive
