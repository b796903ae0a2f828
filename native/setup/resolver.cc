#include "setup/resolver.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "sys/error.h"

namespace tsct {
namespace {

constexpr const char* kStep = "tell systemd-resolved";
constexpr const char* kSocket = "/run/systemd/resolve/io.systemd.Resolve";  // there while it runs
constexpr const char* kProgram = "/usr/bin/resolvectl";

pid_t spawn(const std::vector<std::string>& words, int log) {
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char locale[] = "LC_ALL=C";
  char* env[] = {locale, nullptr};
  pid_t pid = ::vfork();
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::close(3);  // the hand-over socket is open across exec
    if (::dup2(log, 1) == 1 && ::dup2(log, 2) == 2) ::execve(kProgram, argv.data(), env);
    ::_exit(127);
  }
  return check(pid, kStep, "vfork", kProgram);
}

}  // namespace

void tell_resolver(const NetworkUse& network, const NetworkFiles& files) {
  if (network.resolver.domain.empty() || ::access(kSocket, F_OK) < 0 || ::access(kProgram, X_OK) < 0) return;
  std::string path = files.path("keeper.log");
  UniqueFd log(check(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600),
                     kStep, "open", path));
  std::vector<std::string> servers = {"resolvectl", "dns", network.bridge};
  servers.insert(servers.end(), network.resolver.servers.begin(), network.resolver.servers.end());
  // `~`: it is a way for names below the domain, none to search other names in.
  std::vector<std::string> domain = {"resolvectl", "domain", network.bridge, "~" + network.resolver.domain};
  for (pid_t pid : {spawn(servers, log.get()), spawn(domain, log.get())})
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace tsct
