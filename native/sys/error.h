#pragma once
#include <cerrno>
#include <string>
#include <string_view>

namespace tsct {

// A failed step, reported as fields and never as a sentence: TypeScript has the one function that words it.
struct SysError {
  std::string stage;   // filled by the stage that catches it
  std::string step;    // what was being done: "mount layer"
  std::string call;    // the system call, or "" when none failed
  int err = 0;         // errno(3)
  std::string target;  // on what
  std::string detail;
};

// Throws the current errno as a SysError.
[[noreturn]] void fail(std::string_view step, std::string_view call, std::string_view target = {});

// Throws a failure that is no failed call: bad input, a rule that does not hold.
[[noreturn]] void refuse(std::string_view step, std::string_view target, std::string_view detail,
                         int err = 0);

// Passes a system call's result through, or throws when it is negative.
template <class T>
T check(T result, std::string_view step, std::string_view call, std::string_view target = {}) {
  if (result < 0) fail(step, call, target);
  return result;
}

}  // namespace tsct
