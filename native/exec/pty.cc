#include "exec/pty.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "sys/error.h"

namespace tsct {

namespace {

constexpr const char* kMultiplexer = "/dev/pts/ptmx";
constexpr const char* kStep = "open a terminal in the container's";

}  // namespace

Pty open_container_pty(uid_t owner) {
  Pty pty;
  // O_NONBLOCK: the guest may have put a fifo there, which must not make us wait; the master stays so, as the
  // pump on the host wants it.
  pty.master.reset(
      check(::open(kMultiplexer, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), kStep, "open", kMultiplexer));
  struct statfs fs;
  check(::fstatfs(pty.master.get(), &fs), kStep, "fstatfs", kMultiplexer);
  if (fs.f_type != DEVPTS_SUPER_MAGIC) refuse(kStep, kMultiplexer, "this is no devpts");
  int unlocked = 0;
  check(ioctl(pty.master.get(), TIOCSPTLCK, &unlocked), kStep, "TIOCSPTLCK", kMultiplexer);
  // By the master and not by a path (since 4.13): the guest may mount what it likes over /dev/pts/N.
  pty.slave.reset(check(ioctl(pty.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), kStep,
                        "TIOCGPTPEER", kMultiplexer));
  check(::fchown(pty.slave.get(), owner, static_cast<gid_t>(-1)), kStep, "fchown", kMultiplexer);
  return pty;
}

void take_terminal(const Pty& pty, bool with_stderr) {
  check(ioctl(pty.slave.get(), TIOCSCTTY, 0), "take the terminal", "TIOCSCTTY");
  for (int stream = 0; stream <= (with_stderr ? 2 : 1); stream++)
    check(::dup2(pty.slave.get(), stream), "take the terminal", "dup2");
}

}  // namespace tsct
