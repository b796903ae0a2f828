// tsct-keeper: keeps one program running for as long as a network is up.
//
//   tsct-keeper RUNDIR BRIDGE /path/program ARG...
//
//   namespaces   all of the host's, always
//   stdout       `ready`, or why not; then closed
//   stderr       the program's: RUNDIR/keeper.log, or the journal
//   SIGHUP       is handed on; SIGTERM ends both
//   ends         with the bridge; also when that has had no port for ten seconds: whoever should have ended
//   it
//                was killed
//
// Static, one thread, no allocation, as the supervisor.
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/ioctl.h>
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

#include "supervisor/text.h"

namespace tsct {
namespace {

constexpr int64_t kDelayMinMs = 100, kDelayMaxMs = 10000;
constexpr int64_t kSteadyMs = 10000;  // a child that ran this long starts with the shortest delay again
constexpr int64_t kUnusedMs = 10000;
constexpr int64_t kEndMs = 1000;
constexpr off_t kLogBytesMax = 256 * 1024;

struct Keeper {
  char** command = nullptr;
  int signals = -1, links = -1;
  int bridge = 0;
  pid_t child = 0;
  int64_t started_ms = 0, delay_ms = kDelayMinMs;
  int64_t start_at_ms = 0;  // 0: nothing to start
  int64_t look_at_ms = 0;   // when to count the ports; 0: not now
  int64_t kill_at_ms = 0;   // ending: when it becomes SIGKILL
  bool ending = false;
} keeper;

int64_t now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1000000;
}

void say(const char* text) {
  if (write(1, text, strlen(text)) < 0) { /* whoever started us has gone */
  }
}

[[noreturn]] void refuse(const char* what, const char* target) {
  Line line;
  line.add(what).add(' ').add(target).add(": ").add(strerror(errno));
  say(line.c_str());
  _exit(1);
}

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

void watch_links(const char* bridge) {
  keeper.links = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (keeper.links < 0 || bind(keeper.links, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    refuse("watch", bridge);
  ifreq request{};
  strncpy(request.ifr_name, bridge, sizeof request.ifr_name - 1);
  if (ioctl(keeper.links, SIOCGIFINDEX, &request) < 0) refuse("find", bridge);
  keeper.bridge = request.ifr_ifindex;
}

// sd_notify(3): a service of systemd's has begun.
void notify_manager() {
  const char* name = getenv("NOTIFY_SOCKET");
  if (!name || (name[0] != '/' && name[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  size_t length = strlen(name);
  if (length >= sizeof address.sun_path) return;
  memcpy(address.sun_path, name, length);
  if (name[0] == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (sendto(fd, "READY=1", 7, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size) < 0) {
    // systemd will say so itself
  }
  close(fd);
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
    // No pdeathsig: dnsmasq would lose it by changing its ids. If this process is killed it goes on to serve;
    // the next keeper's start, and the network's end, empty the group of both.
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
    int64_t now = now_ms();
    if (now - keeper.started_ms >= kSteadyMs) keeper.delay_ms = kDelayMinMs;
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

void end() {
  if (!keeper.child) _exit(0);
  keeper.ending = true;
  keeper.kill_at_ms = now_ms() + kEndMs;
  kill(keeper.child, SIGTERM);
}

void on_signal() {
  signalfd_siginfo info;
  while (read(keeper.signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD) on_child_end();
    if (info.ssi_signo == SIGHUP && keeper.child) kill(keeper.child, SIGHUP);
    if ((info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) && !keeper.ending) end();
  }
}

alignas(nlmsghdr) char buffer[32768];

// Calls fn(header, link) for each link in what one recv(2) brought; false when there is nothing more.
template <class Fn>
bool read_links(int fd, Fn&& fn) {
  ssize_t n = recv(fd, buffer, sizeof buffer, 0);
  if (n <= 0) return n < 0 && (errno == EINTR || errno == ENOBUFS);
  unsigned left = static_cast<unsigned>(n);
  for (auto* h = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
    if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) return false;
    fn(*h, *static_cast<ifinfomsg*>(NLMSG_DATA(h)));
  }
  return true;
}

void on_links() {
  while (read_links(keeper.links, [](const nlmsghdr& h, const ifinfomsg& link) {
    // With family AF_BRIDGE it tells of a port that left.
    if (h.nlmsg_type == RTM_DELLINK && link.ifi_family != AF_BRIDGE && link.ifi_index == keeper.bridge &&
        !keeper.ending)
      end();
  })) {
  }
  if (keeper.look_at_ms == 0) keeper.look_at_ms = now_ms() + kUnusedMs;
}

bool has_port() {
  struct {
    nlmsghdr header;
    ifinfomsg link;
    nlattr master;
    uint32_t index;
  } request{};
  request.header = {sizeof request, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0};
  request.master = {sizeof(nlattr) + sizeof(uint32_t), IFLA_MASTER};
  request.index = static_cast<uint32_t>(keeper.bridge);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  bool found = fd < 0 || send(fd, &request, sizeof request, 0) < 0;  // unknown: it stays
  while (!found && read_links(fd, [&](const nlmsghdr&, const ifinfomsg&) { found = true; })) {
  }
  close(fd);
  return found;
}

int wait_ms() {
  int64_t next = 0;
  for (int64_t at : {keeper.start_at_ms, keeper.look_at_ms, keeper.kill_at_ms})
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
    if (!keeper.ending && !has_port()) end();
  }
}

}  // namespace
}  // namespace tsct

int main(int argc, char** argv) {
  using namespace tsct;
  if (argc < 4) {
    say("usage: tsct-keeper RUNDIR BRIDGE PROGRAM ARG...\n");
    return 2;
  }
  keeper.command = argv + 3;
  sigset_t mask;
  sigemptyset(&mask);
  for (int sig : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&mask, sig);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  keeper.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  take_lock(argv[1]);
  watch_links(argv[2]);
  keeper.look_at_ms = now_ms() + kUnusedMs;
  start_child();
  notify_manager();
  say("ready\n");
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) dup2(null, 1);
  for (;;) {
    pollfd fds[] = {{keeper.signals, POLLIN, 0}, {keeper.links, POLLIN, 0}};
    poll(fds, 2, wait_ms());
    if (fds[0].revents) on_signal();
    if (fds[1].revents) on_links();
    on_time();
  }
}
