// tsct-keeper: keeps one program running for as long as a network is up, or containers need it.
//
//   tsct-keeper RUNDIR BRIDGE /path/program ARG...
//   tsct-keeper RUNDIR /MOUNTPOINT /path/lxcfs ARG...
//
//   namespaces   all of the host's; lxcfs' has mounts of its own (view.cc)
//   stdout       `ready`, or why not; then closed
//   stderr       the program's: RUNDIR/keeper.log, or the journal
//   SIGHUP       is handed on; SIGTERM ends both
//   ends         with the bridge; also when that has had no port, or lxcfs no user, for ten seconds: whoever
//                should have ended it was killed
//
// Static, one thread, no allocation, as the supervisor.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "keeper/keeper.h"
#include "supervisor/text.h"

namespace tsct {
namespace {

constexpr int64_t kDelayMinMs = 100, kDelayMaxMs = 10000;
constexpr int64_t kSteadyMs = 10000;  // a child that ran this long starts with the shortest delay again
constexpr int64_t kEndMs = 1000;
constexpr off_t kLogBytesMax = 256 * 1024;

}  // namespace

Keeper keeper;

int64_t now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1000000;
}

namespace {

void say(const char* text) {
  if (write(1, text, strlen(text)) < 0) { /* whoever started us has gone */
  }
}

}  // namespace

void refuse(const char* what, const char* target) {
  Line line;
  line.add(what).add(' ').add(target).add(": ").add(strerror(errno));
  say(line.c_str());
  _exit(1);
}

void end() {
  if (!keeper.child) _exit(0);
  keeper.ending = true;
  keeper.kill_at_ms = now_ms() + kEndMs;
  kill(keeper.child, SIGTERM);
}

namespace {

// Held until this process is gone; the pid inside is for whoever found the lock taken.
void take_lock(const char* run_dir) {
  Path path;
  path.add(run_dir).add("/keeper.lock");
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) refuse("open", path.c_str());
  if (flock(fd, LOCK_EX | LOCK_NB) < 0) refuse("lock", path.c_str());
  Line pid;
  pid.number(getpid()).add('\n');
  if (ftruncate(fd, 0) < 0 || write(fd, pid.c_str(), pid.size()) < 0) refuse("write", path.c_str());
}

// sd_notify(3). Connected to while this process still sees the socket; -1: no service manager waits.
int find_manager() {
  const char* name = getenv("NOTIFY_SOCKET");
  if (!name || (name[0] != '/' && name[0] != '@')) return -1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  size_t length = strlen(name);
  if (length >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, name, length);
  if (name[0] == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), size) < 0) refuse("connect to", name);
  return fd;
}

void notify(int manager) {
  if (manager >= 0 && send(manager, "READY=1", 7, MSG_NOSIGNAL) < 0) {
    // systemd will say so itself
  }
  close(manager);
}

// What the child says again at each of its starts must not fill the disk.
void keep_log_small() {
  struct stat st;
  if (fstat(2, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > kLogBytesMax && ftruncate(2, 0) < 0) {
    // then it grows
  }
}

void start_child() {
  keep_log_small();
  keeper.start_at_ms = 0;
  keeper.started_ms = now_ms();
  keeper.child = vfork();
  if (keeper.child == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    // lxcfs that nobody keeps would fail guests unseen. dnsmasq would lose its pdeathsig by changing its ids:
    // it goes on to serve; the next keeper's start, and the network's end, empty the group of both.
    if (keeper.of_view) prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(keeper.command[0], keeper.command);
    _exit(127);
  }
  if (keeper.child < 0) {
    keeper.child = 0;
    keeper.start_at_ms = now_ms() + kDelayMaxMs;
  }
}

void on_child_end() {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid != keeper.child) continue;
    keeper.child = 0;
    if (keeper.ending) _exit(0);
    if (keeper.of_view) on_view_end();
    int64_t now = now_ms();
    if (keeper.delay_ms == 0 || now - keeper.started_ms >= kSteadyMs) keeper.delay_ms = kDelayMinMs;
    Line line;
    line.add("tsct-keeper: ")
        .add(keeper.command[0])
        .add(WIFSIGNALED(status) ? " was ended by signal " : " ended with ");
    line.number(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    line.add(", starts again in ").number(keeper.delay_ms).add(" ms\n");
    if (write(2, line.c_str(), line.size()) < 0) { /* nobody keeps it */
    }
    keeper.start_at_ms = now + keeper.delay_ms;
    keeper.delay_ms = keeper.delay_ms * 2 > kDelayMaxMs ? kDelayMaxMs : keeper.delay_ms * 2;
  }
}

void on_signal() {
  signalfd_siginfo info;
  while (read(keeper.signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD) on_child_end();
    if (info.ssi_signo == SIGHUP && keeper.child) kill(keeper.child, SIGHUP);
    if ((info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) && !keeper.ending) end();
  }
}

int wait_ms() {
  int64_t next = 0;
  for (int64_t at : {keeper.start_at_ms, keeper.look_at_ms, keeper.kill_at_ms, view_time_ms()})
    if (at && (!next || at < next)) next = at;
  if (!next) return -1;
  int64_t left = next - now_ms();
  return left < 0 ? 0 : static_cast<int>(left);
}

void on_time() {
  int64_t now = now_ms();
  if (keeper.start_at_ms && now >= keeper.start_at_ms && !keeper.ending) start_child();
  if (keeper.kill_at_ms && now >= keeper.kill_at_ms && keeper.child) {
    keeper.kill_at_ms = 0;
    kill(keeper.child, SIGKILL);
  }
  if (keeper.look_at_ms && now >= keeper.look_at_ms) {
    keeper.look_at_ms = 0;
    if (!keeper.ending && !(keeper.of_view ? has_user() : has_port())) end();
  }
  on_view_time(now);
}

}  // namespace
}  // namespace tsct

int main(int argc, char** argv) {
  using namespace tsct;
  if (argc < 4) {
    say("usage: tsct-keeper RUNDIR BRIDGE|/MOUNTPOINT PROGRAM ARG...\n");
    return 2;
  }
  keeper.command = argv + 3;
  sigset_t mask;
  sigemptyset(&mask);
  for (int sig : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&mask, sig);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  keeper.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  take_lock(argv[1]);
  int manager = find_manager();
  keeper.of_view = argv[2][0] == '/';
  if (keeper.of_view)
    open_view(argv[1], argv[2]);
  else
    watch_links(argv[2]);
  keeper.look_at_ms = now_ms() + kKeeperUnusedMs;
  start_child();
  notify(manager);
  say("ready\n");
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) dup2(null, 1);
  static pollfd fds[4 + kUsersMax];
  for (;;) {
    fds[0] = {keeper.signals, POLLIN, 0};
    int count = keeper.of_view ? poll_view(fds + 1) : poll_links(fds + 1);
    if (poll(fds, static_cast<nfds_t>(1 + count), wait_ms()) > 0) {
      if (keeper.of_view)
        on_view(fds + 1);
      else
        on_links(fds + 1);
      if (fds[0].revents) on_signal();
    }
    on_time();
  }
}
