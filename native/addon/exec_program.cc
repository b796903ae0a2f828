#include "addon/exec_program.h"

#include <fcntl.h>
#include <signal.h>

#include <climits>

#include "sys/error.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "run";

// execve(2) keeps ignored signals ignored. Node ignores SIGPIPE, which would keep `tsct exec web -- yes |
// head` from ever ending. Caught signals go back to their default by themselves.
class DefaultSignals {
 public:
  DefaultSignals() {
    struct sigaction plain {};
    plain.sa_handler = SIG_DFL;
    for (int sig = 1; sig <= SIGRTMAX; sig++) {
      struct sigaction now {};
      // Numbers that libc keeps for itself (32, 33) are EINVAL.
      if (::sigaction(sig, nullptr, &now) < 0 || now.sa_handler != SIG_IGN) continue;
      if (::sigaction(sig, &plain, nullptr) == 0) ignored_.push_back(sig);
    }
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, &mask_);
  }
  ~DefaultSignals() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    for (int sig : ignored_) ::sigaction(sig, &ignore, nullptr);
    pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }
  DefaultSignals(const DefaultSignals&) = delete;
  DefaultSignals& operator=(const DefaultSignals&) = delete;

 private:
  std::vector<int> ignored_;
  sigset_t mask_{};
};

// Node makes ttys and pipes non-blocking once a stream is opened on them, and that flag lives in the open
// file description, which whoever started us shares. A closed one of the three stays closed.
void make_blocking(int fd) {
  int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK)) ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

void exec_program(const std::string& path, const std::vector<std::string>& argv,
                  const std::vector<std::string>& env) {
  std::vector<char*> args = pointers(argv);
  std::vector<char*> vars = pointers(env);
  for (int fd = 0; fd <= 2; fd++) {
    make_blocking(fd);
    ::fcntl(fd, F_SETFD, 0);
  }
  // Nothing but 0-2 crosses over, whatever a library opened (close_range(2), CLOSE_RANGE_CLOEXEC since 5.11).
  check(close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC), kStep, "close_range", path);
  DefaultSignals signals;
  ::execve(path.c_str(), args.data(), vars.data());
  fail(kStep, "execve", path);
}

}  // namespace tsct
