#pragma once
// Limits of the control groups: a value in a file.
#include <string>

#include "setup/plan.h"

namespace tsct {

// Throws SysError; what the kernel has no file for is ENOENT, memory that is in use and cannot be taken back
// EBUSY: nobody is killed for a limit that is set below what is used.
void set_limit(const LaunchPlan& plan, const GroupLimit& limit, const std::string& group);

// Has the kernel count, for a group of v1, what is read and written on the disk that the root lies on: since
// Linux 6.9 it begins with the first limit that anybody sets there, and this one is none. Nothing where that
// cannot be.
void count_disk(const LaunchPlan& plan, const std::string& group);

// Changes limits of a running container, whose supervisor gets the plan on fd 0 first: so a reboot from
// inside has them. May be repeated, and back. Throws SysError.
void change_limits(const LaunchPlan& plan, const std::vector<GroupLimit>& limits);

}  // namespace tsct
