// TCP. Nothing is kept here: bytes are looked at in the one socket, given to the other, and only what that
// took is taken out. Whoever does not read thus stops who writes, with the kernel's buffers between them.
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <initializer_list>

#include "ports/ports.h"

namespace tsct {
namespace {

constexpr int kAcceptsAtOnce = 16;
constexpr int kChunksAtOnce = 8;  // then others have their turn
constexpr int kKeepIdleS = 120;   // a client that is gone after its half-close says so only when asked
constexpr uint32_t kNone = ~0u;

struct Relay {
  int client, guest;  // -1, both: a free place
  bool connected;
  bool from_client_ended, from_guest_ended;
  bool waits;     // is in the list
  uint32_t next;  // of the list it is in
};

Relay relays[kRelaysMax];
uint32_t used = 0;  // places that were ever used: what comes after is untouched memory
uint32_t free_places = kNone, waiting = kNone;
int listeners = -1;
bool accepting = true;

void accept_again(bool yes) {
  if (accepting == yes) return;
  accepting = yes;
  watch(listeners, yes ? uint32_t{EPOLLIN} : 0, Tag::kListeners, 0);
}

void reset(int fd) {
  linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

uint32_t take_place() {
  if (free_places != kNone) {
    uint32_t place = free_places;
    free_places = relays[place].next;
    return place;
  }
  return used < kRelaysMax ? used++ : kNone;
}

void leave_place(uint32_t number) {
  Relay& r = relays[number];
  r.client = r.guest = -1;
  if (!r.waits) {  // else the list gives it back
    r.next = free_places;
    free_places = number;
  }
  accept_again(true);
}

// An end that both have agreed on, or one that each has to be told of.
void end(uint32_t number, bool broken) {
  Relay& r = relays[number];
  for (int fd : {r.client, r.guest}) broken ? reset(fd) : void(close(fd));
  leave_place(number);
}

enum class Flow { kWaits, kMore, kBroken };

Flow pump(int from, int to, bool& ended) {
  for (int i = 0; !ended && i < kChunksAtOnce; i++) {
    ssize_t seen = recv(from, buffer, sizeof buffer, MSG_PEEK | MSG_DONTWAIT);
    if (seen == 0) {
      ended = true;
      shutdown(to, SHUT_WR);
      return Flow::kWaits;
    }
    if (seen < 0) return errno == EAGAIN ? Flow::kWaits : Flow::kBroken;
    ssize_t took = send(to, buffer, static_cast<size_t>(seen), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took < 0) return errno == EAGAIN ? Flow::kWaits : Flow::kBroken;
    // tcp(7), MSG_TRUNC: thrown away without being copied.
    while (took > 0) {
      ssize_t n = recv(from, buffer, static_cast<size_t>(took), MSG_TRUNC | MSG_DONTWAIT);
      if (n <= 0) return Flow::kBroken;
      took -= n;
    }
  }
  return ended ? Flow::kWaits : Flow::kMore;
}

void run(uint32_t number) {
  Relay& r = relays[number];
  Flow in = pump(r.client, r.guest, r.from_client_ended);
  Flow out = in == Flow::kBroken ? in : pump(r.guest, r.client, r.from_guest_ended);
  if (out == Flow::kBroken) return end(number, true);
  if (r.from_client_ended && r.from_guest_ended) return end(number, false);
  if ((in == Flow::kMore || out == Flow::kMore) && !r.waits) {
    r.waits = true;
    r.next = waiting;
    waiting = number;
  }
}

void tune(int fd) {
  int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepIdleS, sizeof kKeepIdleS);
}

void begin(int client, const PortEntry& entry) {
  Address target;
  int guest = target_socket(entry, SOCK_STREAM, target);
  if (guest < 0) return reset(client);
  bool connected = connect(guest, &target.any, size_of(target)) == 0;
  uint32_t number = connected || errno == EINPROGRESS ? take_place() : kNone;
  if (number == kNone) {
    close(guest);
    return reset(client);
  }
  tune(client);
  tune(guest);
  relays[number] = {client, guest, connected, false, false, false, kNone};
  watch(client, EPOLLIN | EPOLLOUT | EPOLLET, Tag::kClient, number);
  watch(guest, EPOLLIN | EPOLLOUT | EPOLLET, Tag::kGuest, number);
}

bool is_full() {
  return free_places == kNone && used == kRelaysMax;
}

void accept_from(const PortEntry& entry) {
  for (int i = 0; i < kAcceptsAtOnce && !is_full(); i++) {
    Address peer{};
    socklen_t size = sizeof peer;
    int client = accept4(entry.socket, &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) usleep(1000);
      return;
    }
    if (is_local(peer))
      begin(client, entry);
    else
      reset(client);
  }
}

}  // namespace

void open_listeners() {
  listeners = epoll_create1(EPOLL_CLOEXEC);
  watch(listeners, EPOLLIN, Tag::kListeners, 0);
}

void listen_on(uint32_t number) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = number;
  epoll_ctl(listeners, EPOLL_CTL_ADD, port(number).socket, &event);
}

void stop_listening(uint32_t number) {
  epoll_event event{};
  epoll_ctl(listeners, EPOLL_CTL_DEL, port(number).socket, &event);
}

void on_listeners() {
  epoll_event events[kAcceptsAtOnce];
  int n = epoll_wait(listeners, events, kAcceptsAtOnce, 0);
  for (int i = 0; i < n; i++) accept_from(port(static_cast<uint32_t>(events[i].data.u64)));
  if (is_full()) accept_again(false);  // who comes now waits in the kernel's queue
}

void on_relay(uint32_t number, uint32_t events) {
  Relay& r = relays[number];
  if (r.client < 0) return;  // ended by what came before in this round
  if (events & EPOLLERR) {
    // Of the one that had this place before? Then there is no error to be found.
    int client = 0, guest = 0;
    socklen_t size = sizeof(int);
    getsockopt(r.client, SOL_SOCKET, SO_ERROR, &client, &size);
    getsockopt(r.guest, SOL_SOCKET, SO_ERROR, &guest, &size);
    if (client || guest) return end(number, true);
  }
  if (!r.connected) {
    tcp_info info{};
    socklen_t size = sizeof info;
    getsockopt(r.guest, IPPROTO_TCP, TCP_INFO, &info, &size);
    if (info.tcpi_state == TCP_SYN_SENT) return;
    r.connected = true;
  }
  run(number);
}

bool run_waiting() {
  uint32_t number = waiting;
  waiting = kNone;
  while (number != kNone) {
    uint32_t next = relays[number].next;
    relays[number].waits = false;
    if (relays[number].client < 0)
      leave_place(number);
    else
      run(number);
    number = next;
  }
  return waiting != kNone;
}

}  // namespace tsct
