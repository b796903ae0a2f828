// tsct-ports: has the published ports of one container on the host, and relays what comes to them from there.
//
//   tsct-ports KEY        table on fd 0 (ports/table.h), by which ports come and go while it runs
//
//   namespaces   the host's; in the supervisor's cgroup
//   ids          no user's but the container's base id; no capability
//   sees         what nftables has not led to the container: connections to 127/8 and ::1, in the main
//   ends         when the supervisor does; killed by the teardown before
//
// Static, one thread, no allocation, as the supervisor. If it is killed the container goes on without what is
// relayed, until the supervisor has it started again (supervisor/ports.cc).
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "ports/ports.h"

namespace tsct {

char buffer[kBufferBytes];
PortTable* table;

namespace {

constexpr int kEventsMax = 64;
constexpr rlim_t kOtherFiles = 16;

int epoll = -1;

// As many as there may ever be: other ports come later, when it may not ask for more.
void allow_files() {
  rlimit files;
  rlim_t wanted = table->count + 2 * kRelaysMax + kSessionsMax + kOtherFiles;
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) _exit(1);
  if (files.rlim_max < wanted) files.rlim_max = wanted;
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) _exit(1);
}

void give_up_privileges() {
  rlimit none{0, 0};
  gid_t group = table->user;
  if (setrlimit(RLIMIT_CORE, &none) < 0 || setgroups(0, nullptr) < 0 || setresgid(group, group, group) < 0 ||
      setresuid(table->user, table->user, table->user) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    _exit(1);
}

void dispatch(const epoll_event& event) {
  uint32_t number = static_cast<uint32_t>(event.data.u64);
  switch (static_cast<Tag>(event.data.u64 >> 32)) {
    case Tag::kLife:
      _exit(0);
    case Tag::kControl:
      return on_control();
    case Tag::kListeners:
      return on_listeners();
    case Tag::kClient:
    case Tag::kGuest:
      return on_relay(number, event.events);
    case Tag::kUdpPort:
      return on_udp_port(number);
    case Tag::kUdpSession:
      return on_udp_session(number);
  }
}

}  // namespace

void watch(int fd, uint32_t events, Tag tag, uint32_t number) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<uint64_t>(tag) << 32 | number;
  // Again, once it was let go of: EPOLL_CTL_MOD.
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

void unwatch(int fd) {
  epoll_event event{};
  epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event);
}

void open_port(uint32_t number) {
  fcntl(port(number).socket, F_SETFL, O_RDWR | O_NONBLOCK);
  if (port(number).protocol == IPPROTO_TCP)
    listen_on(number);
  else
    open_udp_port(number);
}

void close_port(uint32_t number) {
  if (port(number).protocol == IPPROTO_TCP)
    stop_listening(number);
  else
    unwatch(port(number).socket);
  close(port(number).socket);
}

const PortEntry& port(uint32_t number) {
  return table->entries[number];
}

int64_t now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1000000;
}

int target_socket(const PortEntry& entry, int type, Address& target) {
  memset(&target, 0, sizeof target);
  target.any.sa_family = entry.target_family;
  if (entry.target_family == AF_INET) {
    target.in.sin_port = htons(entry.target_port);
    memcpy(&target.in.sin_addr, entry.target, sizeof target.in.sin_addr);
  } else {
    target.in6.sin6_port = htons(entry.target_port);
    memcpy(&target.in6.sin6_addr, entry.target, sizeof target.in6.sin6_addr);
  }
  return socket(entry.target_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

}  // namespace tsct

int main() {
  using namespace tsct;
  for (int sig = 1; sig < NSIG; sig++) signal(sig, SIG_DFL);
  table = map_table(0);
  if (!table) _exit(1);
  allow_files();
  give_up_privileges();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(table->life, EPOLLIN, Tag::kLife, 0);
  watch(table->control, EPOLLIN, Tag::kControl, 0);
  open_locality();
  open_listeners();
  for (uint32_t i = 0; i < table->count; i++)
    if (port(i).protocol) open_port(i);
  bool waiting = false;
  for (;;) {
    epoll_event events[kEventsMax];
    int idle = end_idle_sessions();
    int n = epoll_wait(epoll, events, kEventsMax, waiting ? 0 : idle);
    for (int i = 0; i < n; i++) dispatch(events[i]);
    waiting = run_waiting();
  }
}
