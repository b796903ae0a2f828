// tsct-supervisor: the one process that stays with a running container.
//
//   namespaces   all of the host's, always
//   stdin        the plan, a sealed memfd, handed on to each tsct-setup
//   stdout       the start report: one JSON line, then closed
//   fd 3         if there is one: the lock of the container, kept until the report is out
//   argv[1]      the container's key, for ps(1) only
//
// Static, one thread, no allocation: what it dirties is paid once per container.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"
#include "sys/syscalls.h"

namespace tsct {

int64_t now_ms(int clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1000000;
}

void set_timer(int timer, int64_t ms) {
  itimerspec t{};
  t.it_value.tv_sec = ms / 1000;
  t.it_value.tv_nsec = ms % 1000 * 1000000;
  timerfd_settime(timer, 0, &t, nullptr);
}

void set_timer(Supervisor& s, int64_t ms) {
  set_timer(s.timer, ms);
}

void watch(Supervisor& s, int fd, uint32_t events, uint32_t tag) {
  epoll_event e{};
  e.events = events;
  e.data.u32 = tag;
  if (epoll_ctl(s.epoll, EPOLL_CTL_ADD, fd, &e) < 0) epoll_ctl(s.epoll, EPOLL_CTL_MOD, fd, &e);
}

namespace {

Supervisor supervisor;  // one container, one process: the only global

void write_text(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, text, strlen(text)) < 0) { /* a kernel without it, or without the right: nothing to reset */
  }
  close(fd);
}

// Whoever called start must not shape the guest: nothing of a login session is inherited.
void reset_inherited() {
  setsid();
  umask(022);
  if (chdir("/") < 0) _exit(1);
  setpriority(PRIO_PROCESS, 0, 0);
  sched_param param{};
  sched_setscheduler(0, SCHED_OTHER, &param);
  cpu_set_t all;
  memset(&all, 0xff, sizeof all);
  sched_setaffinity(0, sizeof all, &all);
  syscall(SYS_ioprio_set, 1, 0, 0);  // IOPRIO_WHO_PROCESS, this one, IOPRIO_CLASS_NONE: ioprio_set(2)
  personality(PER_LINUX);            // without ADDR_NO_RANDOMIZE and its like (setarch)
  write_text("/proc/self/oom_score_adj", "0");
  write_text("/proc/self/loginuid", "4294967295");
  for (int sig = 1; sig < NSIG; sig++) signal(sig, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  close_range(4, ~0u, 0);
}

// Whoever asked for the start may be killed while it goes on: others must not find the container unlocked.
void keep_start_lock(Supervisor& s) {
  s.start_lock = fcntl(3, F_DUPFD_CLOEXEC, 4);
  close(3);
}

void find_programs(Supervisor& s) {
  ssize_t n = readlink("/proc/self/exe", s.program_dir, sizeof s.program_dir - 1);
  s.program_dir[n > 0 ? n : 0] = 0;
  if (char* slash = strrchr(s.program_dir, '/')) *slash = 0;
}

void on_signal(Supervisor& s) {
  signalfd_siginfo info;
  while (read(s.signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD) {
      on_child(s);
      continue;
    }
    if (info.ssi_signo == SIGUSR1) {
      reopen_control(s);
      continue;
    }
    // SIGTERM: of the host's service manager, or an admin's kill. The second means now.
    s.requested = true;
    if (++s.terminations > 1) {
      s.kill_requested = true;
      kill_payload(s);
    } else if (s.init && s.ask != Ask::kHalt) {
      s.ask = Ask::kHalt;
      s.ask_since_ms = now_ms(CLOCK_MONOTONIC);
      set_timer(s, 1);
    }
  }
}

void dispatch(Supervisor& s, const epoll_event& e) {
  switch (e.data.u32) {
    case kTagSignals:
      return on_signal(s);
    case kTagTimer:
      return on_timer(s);
    case kTagSetup:
      return on_setup_message(s);
    case kTagListener:
      return accept_client(s);
    case kTagNotify:
      return on_notify(s);
    case kTagConsole:
      return on_console(s, e.events);
    case kTagPorts:
      return on_ports_end(s);
    case kTagPortsTimer:
      return on_ports_timer(s);
    case kTagHostDevices:
      return on_host_device(s);
    case kTagView:
      return on_view(s);
    case kTagViewTimer:
      return on_view_timer(s);
    case kTagShare:
      return on_share(s);
    case kTagShareTimer:
      return on_share_timer(s);
    case kTagOom:
      return on_oom(s);
    default:
      return on_client(s, s.clients[e.data.u32 - kTagClients], e.events);
  }
}

}  // namespace
}  // namespace tsct

int main() {
  using namespace tsct;
  Supervisor& s = supervisor;
  for (Client& c : s.clients) c.fd = -1;
  reset_inherited();
  keep_start_lock(s);
  find_programs(s);
  s.epoll = epoll_create1(EPOLL_CLOEXEC);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGINT);
  sigaddset(&mask, SIGUSR1);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  s.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  s.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  watch(s, s.signals, EPOLLIN, kTagSignals);
  watch(s, s.timer, EPOLLIN, kTagTimer);
  begin_start(s);
  for (;;) {
    epoll_event events[16];
    int n = epoll_wait(s.epoll, events, 16, -1);
    for (int i = 0; i < n; i++) dispatch(s, events[i]);
  }
}
