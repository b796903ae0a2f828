#pragma once
// Network interfaces: what there is, and the messages that make, join, address and delete them.
#include <optional>
#include <string>
#include <vector>

#include "setup/network_plan.h"
#include "sys/netlink.h"

namespace tsct {

struct Link {
  int index = 0;
  unsigned flags = 0;  // IFF_UP...
  int master = 0;      // 0: none
  int peer = 0;        // of a veth: the other end's index in its own namespace
  uint32_t mtu = 0, queue_length = 0;
  Mac mac = {}, permanent_mac = {};  // the latter only where there is hardware
  std::string name, kind, alias;
  std::vector<std::string> alt_names;

  // Whether it was made by us for this: a second name is one on the whole host; where it was taken away, the
  // alias still tells.
  bool is_called(const std::string& alt_name) const;
  bool is_nameless() const { return alias.empty() && alt_names.empty(); }
  // For an error: `bridge, "alias"`.
  std::string description() const;
};

// By first or second name. Throws SysError.
std::optional<Link> find_link(NetlinkSocket& netlink, const std::string& name);
std::vector<Link> all_links(NetlinkSocket& netlink);
std::vector<Link> ports_of(NetlinkSocket& netlink, const Link& bridge);

// A list is for one NetlinkSocket::run(). What makes a link is sent by itself: a batch goes on after a
// failure, and would name and join somebody else's link of that name.
NetlinkRequest new_bridge_request(const NetworkUse& network);
std::vector<NetlinkRequest> bridge_requests(const NetworkUse& network);
std::vector<NetlinkRequest> bridge_address_requests(const NetworkUse& network, int index);
// Of the host's end.
Mac host_mac(const InterfacePlan& plan);
// The other end is born in `netns`.
NetlinkRequest new_veth_request(const InterfacePlan& plan, int netns);
std::vector<NetlinkRequest> veth_requests(const InterfacePlan& plan, const Link& bridge);
// Whether a veth is the host's end of it. Who was killed right after it had made one has given it no name,
// but an address.
bool is_end_of(const Link& link, const InterfacePlan& plan);
std::vector<NetlinkRequest> inside_requests(const InterfacePlan& plan, int index);
// What differs between two plans of one interface, of the host's end and inside.
std::vector<NetlinkRequest> change_requests(const InterfacePlan& from, const InterfacePlan& to);
std::vector<NetlinkRequest> change_inside_requests(const InterfacePlan& from, const InterfacePlan& to,
                                                   int index);
NetlinkRequest join_request(const std::string& name, const Link& bridge);
// Gone already counts as done.
NetlinkRequest delete_request(const Link& link);

// What messages are made of.
ifinfomsg link_header(int index = 0);
ifinfomsg up_header(int index = 0);
NetlinkRequest name_request(const std::string& name, const std::string& alt_name);
void put_no_own_address(NetlinkMessage& message);
NetlinkRequest route_request(const RoutePlan& route, int index, const std::string& name);
// Gone counts as done.
NetlinkRequest delete_route_request(const RoutePlan& route, int index, const std::string& name);
NetlinkRequest address_request(const IpPrefix& prefix, int index, const std::string& name,
                               uint8_t scope = RT_SCOPE_UNIVERSE);
// To one address alone. There must be no other such route: it would be somebody else's.
NetlinkRequest direct_route_request(const IpAddress& to, int index, const std::string& name);

// fe80::/64 with the interface identifier of a MAC (RFC 4291 appendix A).
IpPrefix link_local(const Mac& mac);

}  // namespace tsct
