// Where a peer is. Not by bind(2), which takes any address where net.ipv4.ip_nonlocal_bind is set.
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <cstring>

#include "ports/ports.h"

namespace tsct {
namespace {

int routes = -1;

struct Question {
  nlmsghdr header;
  rtmsg route;
  nlattr destination;
  uint8_t address[16];
};

bool is_loopback(const Address& a) {
  if (a.any.sa_family == AF_INET) return ntohl(a.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  return IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr);
}

}  // namespace

void open_locality() {
  routes = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

bool is_local(const Address& peer) {
  if (is_loopback(peer)) return true;
  static uint32_t sequence = 0;
  bool ipv4 = peer.any.sa_family == AF_INET;
  uint16_t size = ipv4 ? 4 : 16;
  Question q{};
  q.route.rtm_family = static_cast<uint8_t>(peer.any.sa_family);
  q.route.rtm_dst_len = static_cast<uint8_t>(size * 8);
  q.destination = {static_cast<uint16_t>(sizeof(nlattr) + size), RTA_DST};
  if (ipv4)
    memcpy(q.address, &peer.in.sin_addr, size);
  else
    memcpy(q.address, &peer.in6.sin6_addr, size);
  uint32_t length = static_cast<uint32_t>(sizeof q - sizeof q.address + size);
  q.header = {length, RTM_GETROUTE, NLM_F_REQUEST, ++sequence, 0};
  if (send(routes, &q, length, 0) < 0) return false;
  alignas(nlmsghdr) char answer[1024];
  for (;;) {
    ssize_t n = recv(routes, answer, sizeof answer, 0);
    if (n < 0 && errno == EINTR) continue;
    auto* header = reinterpret_cast<nlmsghdr*>(answer);
    if (n < static_cast<ssize_t>(sizeof(nlmsghdr))) return false;
    if (header->nlmsg_seq != sequence) continue;
    return header->nlmsg_type == RTM_NEWROUTE &&
           static_cast<rtmsg*>(NLMSG_DATA(header))->rtm_type == RTN_LOCAL;
  }
}

}  // namespace tsct
