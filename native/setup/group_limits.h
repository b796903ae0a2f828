#pragma once
// Limits of the control groups: a value in a file.
#include <string>

#include "setup/plan.h"

namespace tsct {

// What is written: the value, after the number of the disk that the limit is for, `8:0 rbps=1000`. Throws
// SysError.
std::string limit_text(const GroupLimit& limit);

// Throws SysError; what the kernel has no file for is ENOENT.
void set_limit(const GroupLimit& limit, const std::string& group);

}  // namespace tsct
