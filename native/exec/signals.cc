#include "exec/signals.h"

#include <unistd.h>

#include "sys/error.h"

namespace tsct {

Signals::Signals(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (int number : numbers) {
    struct sigaction before;
    sigaction(number, nullptr, &before);
    // Blocked signals are queued even when ignored, so these are left alone.
    bool ignored = before.sa_handler == SIG_IGN && number != SIGCHLD;
    if (!ignored) sigaddset(&set, number);
  }
  // An ignored SIGCHLD, inherited, would have the kernel reap the command and lose its exit code (wait(2)).
  signal(SIGCHLD, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  check(sigprocmask(SIG_BLOCK, &set, nullptr), "block signals", "sigprocmask");
  fd_.reset(check(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "wait for signals", "signalfd"));
}

std::optional<signalfd_siginfo> Signals::next() {
  signalfd_siginfo info;
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return {};
  return info;
}

}  // namespace tsct
