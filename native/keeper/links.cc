// Who needs the child of a network's keeper: the ports of its bridge, as rtnetlink(7) tells of them.
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "keeper/keeper.h"

namespace tsct {
namespace {

int links = -1;
int bridge_index = 0;

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

}  // namespace

void watch_links(const char* bridge) {
  links = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (links < 0 || bind(links, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    refuse("watch", bridge);
  ifreq request{};
  strncpy(request.ifr_name, bridge, sizeof request.ifr_name - 1);
  if (ioctl(links, SIOCGIFINDEX, &request) < 0) refuse("find", bridge);
  bridge_index = request.ifr_ifindex;
}

int poll_links(pollfd* fds) {
  fds[0] = {links, POLLIN, 0};
  return 1;
}

void on_links(const pollfd* fds) {
  if (!fds[0].revents) return;
  while (read_links(links, [](const nlmsghdr& h, const ifinfomsg& link) {
    // With family AF_BRIDGE it tells of a port that left.
    if (h.nlmsg_type == RTM_DELLINK && link.ifi_family != AF_BRIDGE && link.ifi_index == bridge_index &&
        !keeper.ending)
      end();
  })) {
  }
  if (keeper.look_at_ms == 0) keeper.look_at_ms = now_ms() + kKeeperUnusedMs;
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
  request.index = static_cast<uint32_t>(bridge_index);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  bool found = fd < 0 || send(fd, &request, sizeof request, 0) < 0;  // unknown: it stays
  while (!found && read_links(fd, [&](const nlmsghdr&, const ifinfomsg&) { found = true; })) {
  }
  close(fd);
  return found;
}

}  // namespace tsct
