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

// How it is told what two stacks of trees (lowest first) show differently.
//   Lines: a line of JSON for each path, sorted; times do not count
//   Delta: what the second has that the first has not, for a copy of the first to become equal: `+PATH`
//   (added or
//     changed) and `-PATH` (gone), each with a zero byte at its end, directories before what is in them; `.`
//     is last
enum class Telling { Lines, Delta };
void diff_trees(const std::vector<std::string>& a, const std::vector<std::string>& b, Telling telling);

}  // namespace tsct::copy
