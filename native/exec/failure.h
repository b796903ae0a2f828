#pragma once
#include <string>

#include "sys/error.h"

namespace tsct {

// Exit codes of shells (POSIX 2.8.2) and, as DESIGN section 8 says, one for every failure of tsct itself.
constexpr int kExitOwnFailure = 125;
constexpr int kExitNotExecutable = 126;
constexpr int kExitNotFound = 127;
constexpr int kExitSignalBase = 128;

// Ends tsct-exec with `tsct: cannot run CMD in NAME: REASON`: it is the last process in line, its words are
// what the user reads.
struct Failure {
  int exit_code = kExitOwnFailure;
  std::string reason;
  std::string hint;
};

// `STEP TARGET: strerror or detail`.
std::string reason_of(const SysError& error);

}  // namespace tsct
