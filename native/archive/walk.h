#pragma once
#include <functional>
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
