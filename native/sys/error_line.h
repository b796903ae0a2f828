#pragma once
#include <string>
#include <string_view>

#include "sys/error.h"

namespace tsct {

// A JSON string literal; bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);

// One line on stderr in the shape of NativeError (src/supervisor/protocol.ts).
void print_error(const SysError& error);

}  // namespace tsct
