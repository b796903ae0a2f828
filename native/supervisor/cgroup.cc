// Freeze and kill by the core files of cgroup v2, which need no controller: they work on hybrid hosts too.
// Kernel: Documentation/admin-guide/cgroup-v2.rst, cgroup.freeze (5.2), cgroup.kill (5.14).
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "supervisor/supervisor.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr int64_t kFreezeTimeoutMs = 5000;

bool frozen_now(int events_fd) {
  char text[256];
  ssize_t n = pread(events_fd, text, sizeof text - 1, 0);
  text[n > 0 ? n : 0] = 0;
  return strstr(text, "frozen 1") != nullptr;
}

// cgroup.events notifies by POLLPRI on every change (cgroup-v2.rst, "[Un]populated Notification").
int wait_frozen(const char* dir, bool wanted) {
  Path path;
  path.add(dir).add("/cgroup.events");
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int64_t end = now_ms(CLOCK_MONOTONIC) + kFreezeTimeoutMs;
  int result = 0;
  while (frozen_now(fd) != wanted) {
    int64_t left = end - now_ms(CLOCK_MONOTONIC);
    if (left <= 0) {
      result = -ETIMEDOUT;
      break;
    }
    pollfd p{fd, POLLPRI, 0};
    poll(&p, 1, static_cast<int>(left));
  }
  close(fd);
  return result;
}

}  // namespace

int write_cgroup(const char* dir, const char* file, const char* value) {
  Path path;
  path.add(dir).add('/').add(file);
  int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int result = write(fd, value, strlen(value)) < 0 ? -errno : 0;
  close(fd);
  return result;
}

bool read_text(const char* dir, const char* file, char* text, size_t size) {
  Path path;
  path.add(dir).add('/').add(file);
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, text, size - 1);
  close(fd);
  text[n > 0 ? n : 0] = 0;
  return n >= 0;
}

int freeze_payload(Supervisor& s, bool freeze, bool wait) {
  const char* dir = s.setting("payload");
  int result = write_cgroup(dir, "cgroup.freeze", freeze ? "1" : "0");
  if (result == 0 && wait) result = wait_frozen(dir, freeze);
  if (result != 0 && freeze) write_cgroup(dir, "cgroup.freeze", "0");
  return result;
}

int kill_payload(Supervisor& s) {
  int result = write_cgroup(s.setting("payload"), "cgroup.kill", "1");
  if (s.pidfd >= 0)
    pidfd_send_signal(s.pidfd, SIGKILL);  // and its namespace with it, where there is no cgroup.kill
  return s.pidfd >= 0 ? 0 : result;
}

// Under systemd tsct-setup has done it already. Elsewhere it is done once init runs, where nobody waits for
// it.
void enter_cgroup(Supervisor& s) {
  if (*s.setting("supervisor_cgroup")) write_cgroup(s.setting("supervisor_cgroup"), "cgroup.procs", "0");
}

void leave_supervisor_cgroup(const Supervisor& s) {
  // Elsewhere it is the service manager's.
  if (*s.setting("supervisor_cgroup")) write_cgroup(s.setting("unified"), "cgroup.procs", "0");
}

// The last one out: teardown has removed everything but the group that this process sits in.
void leave_cgroup(Supervisor& s) {
  const char* group = s.setting("supervisor_cgroup");
  if (!*group) return;
  leave_supervisor_cgroup(s);
  // BASE/supervisor, BASE, then slices and /tsct itself when this was the last container in them. The
  // hierarchy's own root is busy.
  Path path;
  path.add(group);
  while (rmdir(path.c_str()) == 0) path.cut('/');
}

}  // namespace tsct
