#pragma once
#include <string>
#include <string_view>

namespace tsct {

// The number (`8:0`) of the whole disk that a path is, or lies on. Throws SysError; ENODEV: there is none.
std::string disk_of(const std::string& path, std::string_view step);

}  // namespace tsct
