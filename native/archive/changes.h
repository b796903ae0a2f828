#pragma once
#include <functional>
#include <string>

#include "archive/walk.h"

namespace tsct::archive {

// Visits of a tree what a list names (tsct-copy diff --delta): the tree itself, what was added or changed,
// and before it every directory that it is in; `gone` gets the paths that are to go. A hard link is told as
// one of a name that was visited. Throws SysError, also for a list that ends too early.
void walk_changes(int root_fd, int list_fd, const std::function<void(const Found&)>& visit,
                  const std::function<void(const std::string& path)>& gone);

}  // namespace tsct::archive
