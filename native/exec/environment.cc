#include "exec/environment.h"

#include <cstdlib>

namespace tsct {

namespace {

constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

}  // namespace

std::vector<std::string> make_environment(const User& user, const std::string& container, bool has_tty,
                                          const std::vector<std::string>& extra) {
  std::vector<std::string> environment = {std::string("PATH=") + kPath, "HOME=" + user.home,
                                          "USER=" + user.name,          "LOGNAME=" + user.name,
                                          "SHELL=" + user.shell,        "container=" + container};
  const char* term = getenv("TERM");
  // A program on a terminal that it does not know may use no sequence at all: terminfo's `dumb`.
  if (term && *term)
    environment.push_back(std::string("TERM=") + term);
  else if (has_tty)
    environment.emplace_back("TERM=dumb");
  environment.insert(environment.end(), extra.begin(), extra.end());
  return environment;
}

void use_environment(const std::vector<std::string>& environment) {
  clearenv();
  for (const std::string& line : environment) {
    size_t equals = line.find('=');
    setenv(line.substr(0, equals).c_str(), line.c_str() + equals + 1, 1);
  }
}

}  // namespace tsct
