#pragma once
#include <string>

namespace tsct {

// What memory.min and memory.low keep for a group counts only as far as the groups above it have as much
// (cgroup-v2.rst, "Memory Interface Files"). Gives each group between `mount` and `group` the sum of what
// those below it have; one that somebody else has set stays as it is. `group` need not be there any more.
// Throws SysError where a group cannot be given as much: what is kept would be less than was said.
void share_protection(const std::string& mount, const std::string& group);

// Takes away what is kept for a group that ends, whoever removes it. Returns whether there was any.
bool drop_protection(const std::string& group);

}  // namespace tsct
