#pragma once
#include <string>
#include <vector>

namespace tsct {

// Turns this process into another program (execve(2)) that finds fds 0-2 and its signals as a shell would
// have left them. Returns only by throwing SysError, and then with signals as they were.
[[noreturn]] void exec_program(const std::string& path, const std::vector<std::string>& argv,
                               const std::vector<std::string>& env);

}  // namespace tsct
