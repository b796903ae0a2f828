#pragma once
#include <string>

#include "sys/unique_fd.h"

namespace tsct {

// The supervisor's side is native/supervisor/control.cc, the words are in src/supervisor/protocol.ts.

// One line of an answer, and the file descriptor that came with it, if one did.
struct ControlAnswer {
  std::string line;
  UniqueFd fd;
};

// Connects and sends one request line, and a file descriptor with it. Throws Failure when the container is
// not running.
UniqueFd send_request(const std::string& socket, const std::string& words, int passed = -1);

// Reads to the end of the line and not one byte further: after it the console's bytes may follow. Throws
// Failure when the supervisor does not answer within 10 s.
ControlAnswer receive_answer(int connection);

// Throws Failure in the words of the supervisor if the answer is not `"ok":true`; `what` was asked for.
void require_ok(const std::string& line, const std::string& what);

}  // namespace tsct
