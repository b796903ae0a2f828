#include "setup/keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "setup/cgroup.h"
#include "setup/program.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "start service of network";
constexpr const char* kReady = "ready\n";

std::string group_path(const NetworkUse& network) {
  return "/tsct/.net-" + network.bridge;
}

// Not `tsct-KEY.service`, which is a container's.
std::string unit_name(const NetworkUse& network) {
  return "tsct.net-" + network.bridge + ".service";
}

std::vector<std::string> keeper_command(const NetworkUse& network) {
  std::vector<std::string> command = {program_path("tsct-keeper", kStep), network.run_dir, network.bridge};
  command.insert(command.end(), network.service.begin(), network.service.end());
  return command;
}

[[noreturn]] void become(const std::vector<std::string>& command, int input, int output, int log) {
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* env[] = {path, nullptr};
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  bool ready = ::chdir("/") == 0 && ::dup2(input, 0) == 0 && ::dup2(output, 1) == 1 && ::dup2(log, 2) == 2;
  close_range(3, ~0u, 0);
  if (ready) ::execve(argv[0], argv.data(), env);
  ::_exit(127);
}

// Into the group from its first moment: a later move waits for an RCU grace period.
pid_t spawn(const std::vector<std::string>& command, int output, int log, int group) {
  UniqueFd null(check(::open("/dev/null", O_RDONLY | O_CLOEXEC), kStep, "open", "/dev/null"));
  clone_args args{};
  args.exit_signal = SIGCHLD;
  if (group >= 0) {
    args.flags = CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(group);
  }
  pid_t pid = check(clone3(args), kStep, "clone3", command[0]);
  if (pid == 0) become(command, null.get(), output, log);
  return pid;
}

// No further: systemd keeps the descriptors that a service was given for as long as it knows the service.
std::string read_line(int fd) {
  std::string line;
  char c;
  for (ssize_t n; !line.ends_with('\n') && (n = ::read(fd, &c, 1)) != 0;) {
    if (n > 0)
      line += c;
    else if (errno != EINTR)
      fail(kStep, "read", "tsct-keeper");
  }
  return line;
}

// Waits for tsct-launch, which ends once systemd has done it.
void run_launch(std::vector<std::string> arguments, int output, int log) {
  arguments.insert(arguments.begin(), program_path("tsct-launch", kStep));
  int status = 0;
  ::waitpid(spawn(arguments, output, log, -1), &status, 0);
}

}  // namespace

bool keeper_alive(const NetworkFiles& files) {
  UniqueFd lock(::open(files.path("keeper.lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

void start_keeper(const NetworkUse& network, const NetworkFiles& files, const CgroupPlan& cgroup) {
  if (keeper_alive(files)) return;
  if (::access(network.service[0].c_str(), X_OK) < 0) fail(kStep, "access", network.service[0]);
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), kStep, "pipe2");
  UniqueFd report(ends[0]), output(ends[1]);
  std::string log_path = files.path("keeper.log");
  UniqueFd log(check(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600),
                     kStep, "open", log_path));
  if (cgroup.driver == CgroupPlan::Driver::kSystemd) {
    std::vector<std::string> arguments = {"--unit", unit_name(network), "--description",
                                          "tsct network " + network.name, "--"};
    for (const auto& word : keeper_command(network)) arguments.push_back(word);
    run_launch(std::move(arguments), output.get(), log.get());
  } else {
    end_host_group(cgroup.unified_mount + group_path(network));  // what a killed one has left
    std::string group = make_host_group(cgroup.unified_mount, group_path(network));
    UniqueFd fd(check(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), kStep, "open", group));
    spawn(keeper_command(network), output.get(), log.get(), fd.get());
  }
  output.reset();
  std::string said = read_line(report.get());
  if (said != kReady)
    refuse(kStep, network.name, said.empty() ? "tsct-keeper ended without a word" : said.substr(0, 512));
}

void stop_keeper(const NetworkUse& network, const CgroupPlan& cgroup) {
  if (cgroup.driver != CgroupPlan::Driver::kSystemd)
    return end_host_group(cgroup.unified_mount + group_path(network));
  UniqueFd null(check(::open("/dev/null", O_RDWR | O_CLOEXEC), kStep, "open", "/dev/null"));
  run_launch({"--kill", "--unit", unit_name(network)}, null.get(), null.get());
}

void reload_service(const NetworkFiles& files) {
  if (!keeper_alive(files)) return;
  pid_t pid = static_cast<pid_t>(atoi(read_file(AT_FDCWD, files.path("keeper.lock"), kStep).c_str()));
  if (pid > 1) ::kill(pid, SIGHUP);
}

}  // namespace tsct
