#pragma once
#include <string>
#include <vector>

#include "copy/content.h"

namespace tsct::copy {

// Trees, merged as overlay would (lowest first), into an empty directory; prints the summary.
void copy_tree(const std::vector<std::string>& from, const std::string& to, Reflink reflink, bool sync);

// A tree that somebody writes to, see live.cc. Exit code.
int copy_live(const std::string& from, const std::string& to, Reflink reflink);

// Trees, files and btrfs subvolumes; prints how many. What is not there is removed already.
void remove_trees(const std::vector<std::string>& paths);

// What two stacks of trees (lowest first) show differently: a line of JSON for each path, sorted.
void diff_trees(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace tsct::copy
