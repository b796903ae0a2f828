#pragma once
#include <optional>
#include <string>
#include <vector>

namespace tsct {

// Texts of many small files of the kernel's, in the order asked. Those that cannot be read have none: whoever
// wants to know why reads that one by itself.
std::vector<std::optional<std::string>> read_files(const std::vector<std::string>& paths);

}  // namespace tsct
