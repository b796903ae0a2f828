#pragma once
#include <string>

namespace tsct {

// Path of a program of ours, which lies beside this one. Throws SysError of `step`.
std::string program_path(const char* name, const char* step);

}  // namespace tsct
