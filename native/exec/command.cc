#include "exec/command.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "exec/channel.h"
#include "exec/environment.h"
#include "exec/failure.h"
#include "exec/privileges.h"
#include "exec/pty.h"
#include "exec/user.h"
#include "setup/seccomp_file.h"
#include "setup/share_filter.h"
#include "sys/syscalls.h"

namespace tsct {

namespace {

constexpr const char* kFallbackShell = "/bin/sh";

void reset_signals() {
  for (int sig = 1; sig < NSIG; sig++) signal(sig, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void enter_directory(const ExecOptions& options, const User& user) {
  if (!options.cwd.empty()) {
    check(::chdir(options.cwd.c_str()), "enter directory", "chdir", options.cwd);
    return;
  }
  if (::chdir(user.home.c_str()) < 0) check(::chdir("/"), "enter directory", "chdir", "/");
}

std::vector<char*> argument_pointers(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Failure exec_failure(const std::string& command, int err) {
  bool is_path = command.find('/') != std::string::npos;
  if (err != ENOENT && err != ENOTDIR) return {kExitNotExecutable, strerror(err), ""};
  if (is_path && ::access(command.c_str(), F_OK) == 0)
    return {kExitNotFound, "the interpreter that it names is not there", ""};
  return {kExitNotFound, is_path ? "it is not there" : "it is not in the PATH", ""};
}

[[noreturn]] void exec_shell(const User& user) {
  std::string tried;
  for (const std::string& shell : {user.shell, std::string(kFallbackShell)}) {
    if (!tried.empty() && shell == user.shell) break;
    std::string name = "-" + shell.substr(shell.rfind('/') + 1);  // a login shell, by login(1)'s convention
    char* arguments[] = {name.data(), nullptr};
    setenv("SHELL", shell.c_str(), 1);
    ::execve(shell.c_str(), arguments, environ);
    tried += (tried.empty() ? "" : ", ") + shell + ": " + strerror(errno);
  }
  throw Failure{kExitOwnFailure, "it has no shell for " + user.name + " (" + tried + ")", ""};
}

[[noreturn]] void exec_command(const ExecOptions& options, const User& user) {
  if (options.login) exec_shell(user);
  std::vector<char*> arguments = argument_pointers(options.command);
  ::execvp(arguments[0], arguments.data());
  throw exec_failure(options.command[0], errno);
}

// What the command keeps is 0-2; `channel` ends by exec.
void prepare_and_exec(const CommandPlan& plan, int channel) {
  const Target& target = plan.target;
  reset_signals();
  umask(022);
  check(setsid(), "start a session", "setsid");
  User user = find_user(plan.options.user);
  std::array<UniqueFd, kPassedFdsMax> outer;
  if (plan.routes.tty) {
    Pty pty = open_container_pty(user.uid);
    take_terminal(pty, plan.routes.streams[2] == Route::kTty);
    outer[0] = std::move(pty.master);
  }
  auto environment = make_environment(user, target.container, plan.routes.tty, plan.options.env);
  limit_capabilities(target.traits.bounding_set);
  if (target.traits.no_new_privs) set_no_new_privs();
  become_user(user);
  join_new_keyring();
  enter_directory(plan.options, user);
  if (!plan.routes.tty) std::ranges::move(open_relays(plan.routes), outer.begin());
  if (target.share) outer[kListenerFd] = load_share_filter();
  // After the last change of ids, which clears it (prctl(2)): who has lost the one waiting hears of it.
  check(prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0), "bind to tsct-exec", "prctl");
  if (!tell_ready(channel, outer)) _exit(kExitOwnFailure);
  use_environment(environment);
  check(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), "close file descriptors", "close_range");
  if (!target.seccomp.empty()) load_seccomp(target.seccomp);
  drop_capabilities(user);
  exec_command(plan.options, user);
}

}  // namespace

void run_command(const CommandPlan& plan, int channel) {
  try {
    prepare_and_exec(plan, channel);
  } catch (const Failure& failure) {
    tell_failed(channel, failure);
  } catch (const SysError& error) {
    tell_failed(channel, {kExitOwnFailure, reason_of(error), ""});
  }
  _exit(kExitOwnFailure);
}

}  // namespace tsct
