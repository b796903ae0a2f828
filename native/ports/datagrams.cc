// UDP: for each client a socket of its own that is connected to the container, until both were silent for a
// minute. When there is no more room the one that was silent for longest goes.
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstring>

#include "ports/ports.h"

namespace tsct {
namespace {

constexpr int64_t kIdleMs = 60000;
constexpr int kDatagramsAtOnce = 32;  // then others have their turn
constexpr uint32_t kNone = ~0u;
constexpr uint32_t kBuckets = 256;

struct Session {
  int fd;
  uint32_t port;
  Address client;
  in6_addr here;  // what the client has sent to, and has to be answered from
  int64_t used_ms;
  uint32_t older, newer;  // by use
  uint32_t next;          // in its bucket
};

Session sessions[kSessionsMax];
uint32_t used = 0;  // places that were ever used
uint32_t free_places = kNone, oldest = kNone, newest = kNone;
uint32_t buckets[kBuckets];  // number + 1; 0: empty

uint32_t bucket_of(uint32_t number, const Address& client) {
  uint32_t h = 2166136261u ^ number;
  auto* bytes = reinterpret_cast<const uint8_t*>(&client) + 2;
  size_t size = client.any.sa_family == AF_INET ? 6 : 22;  // port and address
  for (size_t i = 0; i < size; i++) h = (h ^ bytes[i]) * 16777619u;
  return h % kBuckets;
}

bool same(const Address& a, const Address& b) {
  if (a.any.sa_family == AF_INET)
    return a.in.sin_port == b.in.sin_port && a.in.sin_addr.s_addr == b.in.sin_addr.s_addr;
  return a.in6.sin6_port == b.in6.sin6_port && a.in6.sin6_scope_id == b.in6.sin6_scope_id &&
         !memcmp(&a.in6.sin6_addr, &b.in6.sin6_addr, sizeof a.in6.sin6_addr);
}

void unlink_use(Session& s) {
  (s.older == kNone ? oldest : sessions[s.older].newer) = s.newer;
  (s.newer == kNone ? newest : sessions[s.newer].older) = s.older;
}

void link_use(uint32_t number) {
  Session& s = sessions[number];
  s.used_ms = now_ms();
  s.older = newest;
  s.newer = kNone;
  (newest == kNone ? oldest : sessions[newest].newer) = number;
  newest = number;
}

void touch(uint32_t number) {
  if (newest != number) {
    unlink_use(sessions[number]);
    link_use(number);
  } else {
    sessions[number].used_ms = now_ms();
  }
}

void end(uint32_t number) {
  Session& s = sessions[number];
  uint32_t* at = &buckets[bucket_of(s.port, s.client)];
  while (*at != number + 1) at = &sessions[*at - 1].next;
  *at = s.next;
  unlink_use(s);
  close(s.fd);
  s.fd = -1;
  s.next = free_places;
  free_places = number;
}

uint32_t take_place() {
  if (free_places == kNone && used < kSessionsMax) return used++;
  if (free_places == kNone) end(oldest);
  uint32_t number = free_places;
  free_places = sessions[number].next;
  return number;
}

uint32_t find(uint32_t number, const Address& client, const in6_addr& here) {
  for (uint32_t at = buckets[bucket_of(number, client)]; at; at = sessions[at - 1].next) {
    Session& s = sessions[at - 1];
    if (s.port == number && same(s.client, client) && !memcmp(&s.here, &here, sizeof here)) return at - 1;
  }
  return kNone;
}

uint32_t begin(uint32_t number, const Address& client, const in6_addr& here) {
  if (!is_local(client)) return kNone;
  Address target;
  int fd = target_socket(port(number), SOCK_DGRAM, target);
  if (fd < 0) return kNone;
  if (connect(fd, &target.any, size_of(target)) < 0) {
    close(fd);
    return kNone;
  }
  uint32_t place = take_place();
  uint32_t& bucket = buckets[bucket_of(number, client)];
  Session& s = sessions[place];
  s.fd = fd;
  s.port = number;
  s.client = client;
  s.here = here;
  s.next = bucket;
  bucket = place + 1;
  link_use(place);
  watch(fd, EPOLLIN, Tag::kUdpSession, place);
  return place;
}

union Control {
  char bytes[CMSG_SPACE(sizeof(in6_pktinfo))];
  cmsghdr header;
};

// IPv4: in the first four bytes.
in6_addr destination(msghdr& message) {
  in6_addr here{};
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
      memcpy(&here, &reinterpret_cast<in_pktinfo*>(CMSG_DATA(c))->ipi_addr, sizeof(in_addr));
    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
      memcpy(&here, &reinterpret_cast<in6_pktinfo*>(CMSG_DATA(c))->ipi6_addr, sizeof here);
  }
  return here;
}

template <class Info>
void put(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = level;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(sizeof info);
  memcpy(CMSG_DATA(c), &info, sizeof info);
}

void answer(Session& s, size_t size) {
  iovec data{buffer, size};
  Control control{};
  msghdr message{};
  message.msg_name = &s.client;
  message.msg_namelen = size_of(s.client);
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  if (s.client.any.sa_family == AF_INET) {
    in_pktinfo info{};
    memcpy(&info.ipi_spec_dst, &s.here, sizeof(in_addr));
    put(message, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    info.ipi6_addr = s.here;
    put(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  sendmsg(port(s.port).socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);  // lost as datagrams are
}

}  // namespace

void open_udp_port(uint32_t number) {
  const PortEntry& entry = port(number);
  int yes = 1;
  if (entry.family == AF_INET)
    setsockopt(entry.socket, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes);
  else
    setsockopt(entry.socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof yes);
  watch(entry.socket, EPOLLIN, Tag::kUdpPort, number);
}

void on_udp_port(uint32_t number) {
  if (port(number).protocol != IPPROTO_UDP) return;  // taken away by what came before in this round
  for (int i = 0; i < kDatagramsAtOnce; i++) {
    Address client{};
    iovec data{buffer, sizeof buffer};
    Control control{};
    msghdr message{};
    message.msg_name = &client;
    message.msg_namelen = sizeof client;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    ssize_t n = recvmsg(port(number).socket, &message, MSG_DONTWAIT);
    if (n < 0) return;
    in6_addr here = destination(message);
    uint32_t place = find(number, client, here);
    if (place == kNone) place = begin(number, client, here);
    if (place == kNone) continue;
    touch(place);
    // The first may only tell that an earlier one was refused.
    if (send(sessions[place].fd, buffer, static_cast<size_t>(n), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
        errno == ECONNREFUSED)
      send(sessions[place].fd, buffer, static_cast<size_t>(n), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

void on_udp_session(uint32_t number) {
  Session& s = sessions[number];
  for (int i = 0; s.fd >= 0 && i < kDatagramsAtOnce; i++) {
    ssize_t n = recv(s.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0) return;
    touch(number);
    answer(s, static_cast<size_t>(n));
  }
}

void end_sessions_of(uint32_t port_number) {
  for (uint32_t at = oldest; at != kNone;) {
    uint32_t newer = sessions[at].newer;
    if (sessions[at].port == port_number) end(at);
    at = newer;
  }
}

int end_idle_sessions() {
  if (oldest == kNone) return -1;
  int64_t now = now_ms();
  while (oldest != kNone && now - sessions[oldest].used_ms >= kIdleMs) end(oldest);
  return oldest == kNone ? -1 : static_cast<int>(kIdleMs - (now - sessions[oldest].used_ms));
}

}  // namespace tsct
