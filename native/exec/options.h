#pragma once
#include <optional>
#include <string>
#include <vector>

namespace tsct {

struct ExecOptions {
  std::string socket;
  std::string user;              // NAME or NUMBER, then optionally `:` and a group; empty: root
  std::vector<std::string> env;  // K=V
  std::string cwd;               // empty: the user's home, else /
  std::optional<bool> tty;       // absent: when stdin and stdout are terminals
  bool login = false;            // the user's own shell as a login shell, instead of a command
  std::vector<std::string> command;
};

struct ConsoleOptions {
  std::string socket;
  std::vector<std::string> logs;  // oldest first
};

// Both throw Failure.
ExecOptions parse_exec_options(int argc, char** argv);
ConsoleOptions parse_console_options(int argc, char** argv);

// Name of the container whose control socket this is: `/run/tsct/NAME/control`, or `NAME_HASH` for a state
// root of its own (src/base/paths.ts, StateLayout.key).
std::string container_name(const std::string& socket);

}  // namespace tsct
