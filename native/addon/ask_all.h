#pragma once
#include <string>
#include <vector>

namespace tsct {

// Sends the same line to many listening sockets and collects what each says until it closes, in the order
// asked. Empty: nobody is there, or it has not said all within the time that they have together.
std::vector<std::string> ask_all(const std::vector<std::string>& sockets, const std::string& line,
                                 int wait_ms);

}  // namespace tsct
