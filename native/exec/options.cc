#include "exec/options.h"

#include <getopt.h>

#include "exec/failure.h"

namespace tsct {

namespace {

[[noreturn]] void usage(const std::string& what) {
  throw Failure{kExitOwnFailure, what, "tsct-exec exec|console --socket PATH ...: see tsct-exec(1)"};
}

// The next option, or -1; getopt's own messages are off.
int next_option(int argc, char** argv, const option* known) {
  opterr = 0;
  int index = optind;
  int found = getopt_long(argc, argv, "+:", known, nullptr);
  if (found == '?') usage(std::string("unknown option ") + argv[index]);
  if (found == ':') usage(std::string("option ") + argv[index] + " needs a value");
  return found;
}

void require_socket(const std::string& socket) {
  if (socket.empty()) usage("--socket is missing");
}

std::string checked_assignment(const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) usage("--env " + text + " is not NAME=VALUE");
  return text;
}

}  // namespace

ExecOptions parse_exec_options(int argc, char** argv) {
  enum { kSocket = 1, kUser, kEnv, kCwd, kTty, kNoTty, kLogin };
  static const option known[] = {{"socket", required_argument, nullptr, kSocket},
                                 {"user", required_argument, nullptr, kUser},
                                 {"env", required_argument, nullptr, kEnv},
                                 {"cwd", required_argument, nullptr, kCwd},
                                 {"tty", no_argument, nullptr, kTty},
                                 {"no-tty", no_argument, nullptr, kNoTty},
                                 {"login", no_argument, nullptr, kLogin},
                                 {}};
  ExecOptions options;
  for (int found; (found = next_option(argc, argv, known)) != -1;) {
    if (found == kSocket) options.socket = optarg;
    if (found == kUser) options.user = optarg;
    if (found == kEnv) options.env.push_back(checked_assignment(optarg));
    if (found == kCwd) options.cwd = optarg;
    if (found == kTty) options.tty = true;
    if (found == kNoTty) options.tty = false;
    if (found == kLogin) options.login = true;
  }
  require_socket(options.socket);
  options.command.assign(argv + optind, argv + argc);
  if (options.login && !options.command.empty()) usage("--login runs a shell and takes no command");
  if (!options.login && options.command.empty()) usage("no command was given");
  return options;
}

ConsoleOptions parse_console_options(int argc, char** argv) {
  enum { kSocket = 1, kLog };
  static const option known[] = {
      {"socket", required_argument, nullptr, kSocket}, {"log", required_argument, nullptr, kLog}, {}};
  ConsoleOptions options;
  for (int found; (found = next_option(argc, argv, known)) != -1;) {
    if (found == kSocket) options.socket = optarg;
    if (found == kLog) options.logs.push_back(optarg);
  }
  require_socket(options.socket);
  options.logs.insert(options.logs.end(), argv + optind, argv + argc);
  return options;
}

std::string container_name(const std::string& socket) {
  size_t end = socket.rfind('/');
  if (end == std::string::npos || end == 0) return socket;
  size_t begin = socket.rfind('/', end - 1);
  std::string key = socket.substr(begin == std::string::npos ? 0 : begin + 1,
                                  end - (begin == std::string::npos ? 0 : begin + 1));
  return key.substr(0, key.find('_'));
}

}  // namespace tsct
