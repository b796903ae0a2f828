#pragma once
// Limits of the control groups: a value in a file.
#include <string>

#include "setup/plan.h"

namespace tsct {

// Throws SysError; what the kernel has no file for is ENOENT, memory that is in use and cannot be taken back
// EBUSY: nobody is killed for a limit that is set below what is used.
void set_limit(const LaunchPlan& plan, const GroupLimit& limit, const std::string& group);

// Changes limits of a running container, whose supervisor gets the plan on fd 0 first: so a reboot from
// inside has them. May be repeated, and back. Throws SysError.
void change_limits(const LaunchPlan& plan, const std::vector<GroupLimit>& limits);

}  // namespace tsct
