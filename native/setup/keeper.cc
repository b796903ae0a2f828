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

constexpr const char* kStep = "start keeper";
constexpr const char* kReady = "ready\n";

std::vector<std::string> keeper_command(const Keeper& keeper) {
  std::vector<std::string> command = {program_path("tsct-keeper", kStep), keeper.run_dir, keeper.kept_for};
  command.insert(command.end(), keeper.service.begin(), keeper.service.end());
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

Keeper keeper_of(const NetworkUse& network) {
  return {network.run_dir, network.bridge, network.service, "/tsct/.net-" + network.bridge,
          // Not `tsct-KEY.service`, which is a container's.
          "tsct.net-" + network.bridge + ".service", "tsct network " + network.name,
          "start service of network"};
}

bool keeper_alive(const std::string& run_dir) {
  UniqueFd lock(::open((run_dir + "/keeper.lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

pid_t keeper_pid(const std::string& run_dir) {
  if (!keeper_alive(run_dir)) return 0;
  return static_cast<pid_t>(atoi(read_file(AT_FDCWD, run_dir + "/keeper.lock", kStep).c_str()));
}

void start_keeper(const Keeper& keeper, const CgroupPlan& cgroup) {
  if (keeper_alive(keeper.run_dir)) return;
  if (::access(keeper.service[0].c_str(), X_OK) < 0) fail(keeper.step, "access", keeper.service[0]);
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), kStep, "pipe2");
  UniqueFd report(ends[0]), output(ends[1]);
  std::string log_path = keeper.run_dir + "/keeper.log";
  UniqueFd log(check(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600),
                     kStep, "open", log_path));
  if (cgroup.driver == CgroupPlan::Driver::kSystemd) {
    std::vector<std::string> arguments = {"--unit", keeper.unit, "--description", keeper.title, "--"};
    for (const auto& word : keeper_command(keeper)) arguments.push_back(word);
    run_launch(std::move(arguments), output.get(), log.get());
  } else {
    end_host_group(cgroup.unified_mount + keeper.group);  // what a killed one has left
    std::string group = make_host_group(cgroup.unified_mount, keeper.group);
    UniqueFd fd(check(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), kStep, "open", group));
    spawn(keeper_command(keeper), output.get(), log.get(), fd.get());
  }
  output.reset();
  std::string said = read_line(report.get());
  if (said != kReady)
    refuse(keeper.step, keeper.title,
           said.empty() ? "tsct-keeper ended without a word" : said.substr(0, 512));
}

void stop_keeper(const Keeper& keeper, const CgroupPlan& cgroup) {
  if (cgroup.driver != CgroupPlan::Driver::kSystemd)
    return end_host_group(cgroup.unified_mount + keeper.group);
  UniqueFd null(check(::open("/dev/null", O_RDWR | O_CLOEXEC), kStep, "open", "/dev/null"));
  run_launch({"--kill", "--unit", keeper.unit}, null.get(), null.get());
}

void reload_service(const std::string& run_dir) {
  pid_t pid = keeper_pid(run_dir);
  if (pid > 1) ::kill(pid, SIGHUP);
}

}  // namespace tsct
