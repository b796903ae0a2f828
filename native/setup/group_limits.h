#pragma once
// Limits of the control groups: a value in a file.
#include <string>

#include "setup/plan.h"

namespace tsct {

// Throws SysError; what the kernel has no file for is ENOENT.
void set_limit(const GroupLimit& limit, const std::string& group);

}  // namespace tsct
