// Programs ask by system call, too, what they may use. Those calls stop at a filter (setup/share_filter.h)
// until they are answered here: seccomp_unotify(2).
//
//   waiting ── a call ──► the kernel's own answer will do: it goes on at once
//      ▲                  else a child writes ours into the caller's memory ──┐
//      └───────────── it has ended, or took too long ◄────────────────────────┘
//
// A child, because the guest can keep others from its memory for ever, by a FUSE file in it that it reads
// with the lock of all of it held. While one that was killed hangs still, every call gets the kernel's
// answer. Never does a call fail by us, or hang.
//
// What an answer costs is counted by no limit of the guest, so all together may take a part of one CPU only;
// calls that come faster wait, untouched: signals reach those who wait, the freezer too.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

// How much of a CPU all of it may take: one in so many.
constexpr int64_t kPartOfCpu = 16;
constexpr int64_t kBurstUs = 1000000, kPauseMs = 20, kPatienceMs = 500;

int64_t now_us() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * int64_t{1000000} + t.tv_nsec / 1000;
}

int64_t micros(const timeval& t) {
  return t.tv_sec * int64_t{1000000} + t.tv_usec;
}

// CPU time of the supervisor and of its children that have ended.
int64_t taken_us() {
  int64_t us = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used;
    getrusage(who, &used);
    us += micros(used.ru_utime) + micros(used.ru_stime);
  }
  return us;
}

// Fails for callers that have been killed, or interrupted, meanwhile; nobody waits then.
void let_kernel_answer(int listener, uint64_t call) {
  seccomp_notif_resp answer{};
  answer.id = call;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0) { /* so be it */
  }
}

// The memory is opened first: that the call waits still says afterwards whose it is, as numbers of processes
// are used again. It is written to even where the program may only read, as it could do so itself.
bool write_answer(int listener, const seccomp_notif& call, const ShareAnswer& answer) {
  Text<64> path;
  path.add("/proc/").number(call.pid).add("/mem");
  int memory = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (memory < 0 || ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) < 0) return false;
  ssize_t n = pwrite(memory, answer.bytes, answer.size, static_cast<off_t>(answer.address));
  if (n != static_cast<ssize_t>(answer.size)) return false;
  seccomp_notif_resp done{};
  done.id = call.id;
  done.val = answer.result;
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &done) == 0;
}

pid_t write_by_child(int listener, const seccomp_notif& call, const ShareAnswer& answer) {
  pid_t pid = fork();
  if (pid != 0) return pid > 0 ? pid : 0;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (dup2(listener, 0) < 0) _exit(1);
  close_range(1, ~0u, 0);  // the locks among them must not outlive the supervisor
  _exit(write_answer(0, call, answer) ? 0 : 1);
}

void listen(Supervisor& s, bool on) {
  watch(s, s.share.epoll, on ? uint32_t{EPOLLIN} : 0, kTagShare);
}

// For what was taken since a call was received.
void pay(Share& share) {
  int64_t earliest = now_us() - kBurstUs;
  if (share.paid_us < earliest) share.paid_us = earliest;
  share.paid_us += (taken_us() - share.received_us) * kPartOfCpu;
}

// Until then callers wait.
void pause(Supervisor& s, int64_t ms) {
  listen(s, false);
  set_timer(s.share.timer, ms);
}

void go_on(Supervisor& s) {
  int64_t early_us = s.share.paid_us - now_us();
  if (early_us > 0) return pause(s, early_us / 1000 + kPauseMs);
  set_timer(s.share.timer, 0);
  listen(s, true);
}

bool find_answer(Supervisor& s, const seccomp_notif& call, ShareAnswer& answer) {
  return call.data.nr == SYS_sysinfo ? answer_sysinfo(s, call, answer) : answer_cpus(s, call, answer);
}

void serve(Supervisor& s, int listener) {
  Share& share = s.share;
  seccomp_notif call{};
  share.received_us = taken_us();
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) return;  // the caller has been killed
  ShareAnswer answer;
  bool is_ours = share.writer == 0 && find_answer(s, call, answer);
  if (is_ours) share.writer = write_by_child(listener, call, answer);
  if (is_ours && share.writer) {
    share.listener = listener;
    share.call = call.id;
    return pause(s, kPatienceMs);
  }
  let_kernel_answer(listener, call.id);
  pay(share);
  go_on(s);
}

void drop(Share& share, int listener) {
  for (int i = 0; i < share.count; i++) {
    if (share.listeners[i] != listener) continue;
    // A copy may still be open elsewhere, and would be heard on.
    epoll_ctl(share.epoll, EPOLL_CTL_DEL, listener, nullptr);
    close(listener);
    share.listeners[i] = share.listeners[--share.count];
  }
}

}  // namespace

// Where init has none, a command would be the only one that sees a share, or could not have one either.
bool wants_share(const Supervisor& s) {
  return s.share.count > 0 && s.share.count < kShareListenersWanted;
}

bool watch_share(Supervisor& s, int listener) {
  Share& share = s.share;
  if (share.count == kShareListenersMax) {
    close(listener);
    return false;
  }
  if (share.epoll < 0) {
    share.epoll = epoll_create1(EPOLL_CLOEXEC);
    share.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    watch(s, share.timer, EPOLLIN, kTagShareTimer);
    share.since_ms = share.load_at_ms = now_ms(CLOCK_BOOTTIME);
    share.used_us = 0;
    for (uint64_t& load : share.loads) load = 0;
    listen(s, true);
  }
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.fd = share.listeners[share.count++] = listener;
  epoll_ctl(share.epoll, EPOLL_CTL_ADD, listener, &e);
  return true;
}

void on_share(Supervisor& s) {
  epoll_event e;
  if (epoll_wait(s.share.epoll, &e, 1, 0) != 1) return;
  if (e.events & EPOLLIN) return serve(s, e.data.fd);
  drop(s.share, e.data.fd);  // nobody is left under its filter
}

void on_share_timer(Supervisor& s) {
  Share& share = s.share;
  uint64_t expirations;
  if (read(share.timer, &expirations, sizeof expirations) < 0) return;
  if (share.call) {
    kill(share.writer, SIGKILL);
    let_kernel_answer(share.listener, share.call);
    share.call = 0;
    pay(share);
  }
  go_on(s);
}

void on_share_written(Supervisor& s, bool done) {
  Share& share = s.share;
  share.writer = 0;
  if (!share.call) return;
  if (!done) let_kernel_answer(share.listener, share.call);
  share.call = 0;
  pay(share);
  go_on(s);
}

void forget_share(Supervisor& s) {
  Share& share = s.share;
  while (share.count > 0) drop(share, share.listeners[0]);
  for (int* fd : {&share.epoll, &share.timer}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
  if (share.writer) kill(share.writer, SIGKILL);
  share.call = 0;
}

}  // namespace tsct
