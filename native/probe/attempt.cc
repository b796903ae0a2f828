#include "probe/attempt.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr unsigned kSecondsMax = 10;

// Where the processes of the running attempt report to. The first report counts: it is the deepest.
int report_fd = -1;

// Fields of a SysError over a pipe, each ended by NUL; nothing at all means success.
std::string encode(const SysError& e) {
  std::string out;
  for (const std::string& field : {e.step, e.call, std::to_string(e.err), e.target, e.detail}) {
    out += field;
    out += '\0';
  }
  return out;
}

std::optional<SysError> decode(const std::string& text) {
  if (text.empty()) return std::nullopt;
  std::vector<std::string> fields;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\0', at);
    fields.push_back(text.substr(at, end - at));
    at = end == std::string::npos ? text.size() : end + 1;
  }
  fields.resize(5);
  return SysError{"probe", fields[0], fields[1], atoi(fields[2].c_str()), fields[3], fields[4]};
}

[[noreturn]] void report_and_exit(const SysError& e) {
  std::string text = encode(e);
  _exit(::write(report_fd, text.data(), text.size()) < 0 ? 2 : 1);
}

}  // namespace

Finding attempt(const std::string& name, const std::function<void()>& function) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), name, "pipe2");
  UniqueFd reader(ends[0]), writer(ends[1]);
  pid_t pid = check(::fork(), name, "fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(kSecondsMax);
    report_fd = writer.get();
    try {
      // Whatever is mounted from here on is seen by nobody and gone with the last process of the attempt.
      check(::unshare(CLONE_NEWNS), "make a mount namespace", "unshare");
      check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "cut mount propagation", "mount",
            "/");
      function();
    } catch (const SysError& e) {
      report_and_exit(e);
    }
    _exit(0);
  }
  writer.reset();
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  // Read after the end: a grandchild may hold the pipe open, but all that counts is in it by now.
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  char buffer[4096];
  ssize_t n = ::read(reader.get(), buffer, sizeof buffer);
  Finding finding{name, decode(std::string(buffer, n > 0 ? static_cast<size_t>(n) : 0))};
  if (!finding.error && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
    std::string why = !WIFSIGNALED(status) ? "ended with " + std::to_string(WEXITSTATUS(status))
                      : WTERMSIG(status) == SIGALRM
                          ? "gave no answer in " + std::to_string(kSecondsMax) + " seconds"
                          : "was killed by signal " + std::to_string(WTERMSIG(status));
    finding.error = SysError{"probe", name, "", 0, "", why};
  }
  return finding;
}

Child::Child(uint64_t flags, const std::function<void()>& function, int cgroup_fd) {
  int pidfd = -1;
  clone_args args{};
  args.flags = flags | CLONE_PIDFD;
  args.exit_signal = SIGCHLD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  if (cgroup_fd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(cgroup_fd);
  }
  pid_ = check(clone3(args), "clone a process", "clone3");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      function();
      _exit(0);
    } catch (const SysError& e) {
      report_and_exit(e);
    }
  }
  pidfd_.reset(pidfd);
}

Child::~Child() {
  if (pid_ <= 0) return;
  pidfd_send_signal(pidfd_.get(), SIGKILL);
  wait();
}

int Child::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

void write_id_maps(pid_t pid) {
  std::string map = "0 " + std::to_string(kProbeBase) + " " + std::to_string(kProbeSize) + "\n";
  for (const char* file : {"uid_map", "gid_map"})
    write_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/" + file, map, "write id map");
}

UniqueFd make_user_namespace() {
  Child holder(CLONE_NEWUSER, [] { ::pause(); });
  write_id_maps(holder.pid());
  std::string path = "/proc/" + std::to_string(holder.pid()) + "/ns/user";
  return UniqueFd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open user namespace", "open", path));
}

void expect_success(int wait_status, std::string_view step) {
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) return;
  refuse(step, "",
         WIFSIGNALED(wait_status) ? "killed by signal " + std::to_string(WTERMSIG(wait_status))
                                  : "ended with " + std::to_string(WEXITSTATUS(wait_status)));
}

}  // namespace tsct
