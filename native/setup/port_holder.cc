#include "setup/port_holder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "setup/control_client.h"
#include "setup/port_sockets.h"
#include "setup/program.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "start port holder";
constexpr const char* kFindStep = "find port holder";
constexpr const char* kEndStep = "end port holder";
constexpr int kEndMs = 5000;
constexpr uint32_t kNobody = 65534;

std::string lock_path(const LaunchPlan& plan) {
  return plan.run_dir + "/ports.lock";
}

UniqueFd take_lock(const std::string& path) {
  UniqueFd lock(
      check(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), kStep, "open", path));
  check(::flock(lock.get(), LOCK_EX | LOCK_NB), kStep, "flock", path);
  check(::ftruncate(lock.get(), 0), kStep, "ftruncate", path);
  return lock;
}

struct Start {
  std::string path, key;
  int table, null, report;
  std::vector<int> kept;
};

[[noreturn]] void become(const Start& start) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  bool ready = ::chdir("/") == 0 && ::dup2(start.table, 0) == 0 && ::dup2(start.null, 1) == 1 &&
               ::dup2(start.null, 2) == 2;
  for (int fd : start.kept) ::fcntl(fd, F_SETFD, 0);
  char name[] = "tsct-ports";
  char* argv[] = {name, const_cast<char*>(start.key.c_str()), nullptr};
  char* env[] = {nullptr};
  if (ready) ::execve(start.path.c_str(), argv, env);
  int error = errno;
  ::_exit(::write(start.report, &error, sizeof error) < 0 ? 126 : 127);
}

pid_t spawn(Start& start, const std::string& group_path) {
  UniqueFd group(
      check(::open(group_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), kStep, "open", group_path));
  UniqueFd null(check(::open("/dev/null", O_RDWR | O_CLOEXEC), kStep, "open", "/dev/null"));
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), kStep, "pipe2");
  UniqueFd report(ends[0]), output(ends[1]);
  start.null = null.get();
  start.report = output.get();
  // Into the group from its first moment: a later move waits for an RCU grace period.
  clone_args args{};
  args.exit_signal = SIGCHLD;
  args.flags = CLONE_INTO_CGROUP;
  args.cgroup = static_cast<uint64_t>(group.get());
  pid_t pid = check(clone3(args), kStep, "clone3");
  if (pid == 0) become(start);
  output.reset();
  int error = 0;
  if (::read(report.get(), &error, sizeof error) == static_cast<ssize_t>(sizeof error)) {
    errno = error;
    fail(kStep, "execve", start.path);
  }
  return pid;
}

int64_t now_ms() {
  timespec t;
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1000000;
}

bool is_free(const UniqueFd& lock) {
  return ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
}

// While the lock is taken the process lives, so that its pid is nobody else's.
pid_t pid_in(const UniqueFd& lock) {
  char text[16] = {};
  if (::pread(lock.get(), text, sizeof text - 1, 0) < 0) fail(kFindStep, "pread", "ports.lock");
  return static_cast<pid_t>(atoi(text));
}

void kill_holder(const UniqueFd& lock, int patience_ms) {
  pid_t pid = pid_in(lock);
  UniqueFd pidfd(pid > 1 ? pidfd_open(pid) : -1);
  if (pidfd && !is_free(lock)) {
    pidfd_send_signal(pidfd.get(), SIGKILL);
    pollfd gone{pidfd.get(), POLLIN, 0};
    ::poll(&gone, 1, patience_ms);
  } else if (!pidfd) {
    ::usleep(2000);  // killed before its pid was written: it ends with whoever did that
  }
}

void start_holder(const LaunchPlan& plan, pid_t supervisor, const Cgroups& cgroups) {
  std::vector<PortEntry> wanted = published_ports(plan.network), entries;
  if (wanted.empty()) return;
  MoreFiles files(wanted.size());
  std::vector<UniqueFd> sockets;
  for (auto& entry : wanted) {
    UniqueFd fd = bind_port(entry);
    if (!fd) continue;
    entry.socket = fd.get();
    sockets.push_back(std::move(fd));
    entries.push_back(entry);
  }
  start_port_holder(plan, supervisor, cgroups, entries);
}

}  // namespace

void start_port_holder(const LaunchPlan& plan, pid_t supervisor, const Cgroups& cgroups,
                       const std::vector<PortEntry>& entries) {
  UniqueFd lock = take_lock(lock_path(plan));
  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), kStep, "socketpair");
  UniqueFd control(ends[0]), far(ends[1]);
  UniqueFd life(check(pidfd_open(supervisor), kStep, "pidfd_open", "supervisor"));
  PortHead head{life.get(),
                lock.get(),
                control.get(),
                far.get(),
                plan.root_uid() ? plan.root_uid() : kNobody,
                static_cast<uint32_t>(entries.size())};
  UniqueFd table = port_table_in_memory(head, entries);
  Start start{program_path("tsct-ports", kStep),
              plan.key,
              table.get(),
              -1,
              -1,
              {life.get(), lock.get(), control.get(), far.get()}};
  for (const auto& entry : entries) start.kept.push_back(entry.socket);
  pid_t pid = spawn(start, cgroups.supervisor());
  std::string text = std::to_string(pid) + "\n";
  check(::pwrite(lock.get(), text.data(), text.size(), 0), kStep, "pwrite", lock_path(plan));
  // Not reaped as long as this process is there: the number is still its own.
  UniqueFd pidfd(check(pidfd_open(pid), kStep, "pidfd_open", "tsct-ports"));
  hand_ports(plan.run_dir, pidfd.get());
}

UniqueFd port_table_in_memory(const PortHead& head, const std::vector<PortEntry>& entries) {
  UniqueFd fd(check(::memfd_create("tsct-ports", MFD_CLOEXEC), kStep, "memfd_create"));
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  bytes.append(reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(PortEntry));
  for (size_t at = 0; at < bytes.size();) {
    ssize_t n = check(::write(fd.get(), bytes.data() + at, bytes.size() - at), kStep, "write");
    at += static_cast<size_t>(n);
  }
  return fd;
}

std::optional<PortHolder> find_port_holder(const LaunchPlan& plan) {
  UniqueFd lock(::open(lock_path(plan).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!lock || is_free(lock)) return {};
  UniqueFd pidfd(pidfd_open(pid_in(lock)));
  if (!pidfd || is_free(lock)) return {};
  PortHolder holder;
  UniqueFd table(pidfd_getfd(pidfd.get(), 0));
  struct stat st;
  if (!table || ::fstat(table.get(), &st) < 0 || !S_ISREG(st.st_mode)) return holder;
  auto head_size = static_cast<ssize_t>(sizeof holder.head);
  if (::pread(table.get(), &holder.head, sizeof holder.head, 0) != head_size) return holder;
  size_t size = holder.head.count * sizeof(PortEntry);
  if (st.st_size != head_size + static_cast<off_t>(size)) return holder;
  holder.entries.resize(holder.head.count);
  if (::pread(table.get(), holder.entries.data(), size, head_size) != static_cast<ssize_t>(size))
    return holder;
  holder.far.reset(check(pidfd_getfd(pidfd.get(), holder.head.far), kFindStep, "pidfd_getfd", "tsct-ports"));
  return holder;
}

void hold_ports(const LaunchPlan& plan, pid_t supervisor, const Cgroups& cgroups) {
  try {
    start_holder(plan, supervisor, cgroups);
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "network";
    throw;
  }
}

void end_port_holder(const LaunchPlan& plan) {
  std::string path = lock_path(plan);
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!lock) return;
  int64_t end = now_ms() + kEndMs;
  while (!is_free(lock)) {
    int64_t left = end - now_ms();
    if (left <= 0) refuse(kEndStep, path, "it is still there", ETIMEDOUT);
    kill_holder(lock, static_cast<int>(left));
  }
  ::unlink(path.c_str());
}

}  // namespace tsct
