#include "setup/links.h"

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sys/error.h"

namespace tsct {

ifinfomsg link_header(int index) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  return header;
}

ifinfomsg up_header(int index) {
  ifinfomsg header = link_header(index);
  header.ifi_flags = header.ifi_change = IFF_UP;
  return header;
}

namespace {

void read_info(std::string_view data, Link& link) {
  for_each_attribute(data, [&](uint16_t type, std::string_view value) {
    if (type == IFLA_INFO_KIND) link.kind = attribute_text(value);
  });
}

Link read_link(std::string_view answer) {
  Link link;
  ifinfomsg header{};
  memcpy(&header, answer.data(), std::min(answer.size(), sizeof header));
  link.index = header.ifi_index;
  link.flags = header.ifi_flags;
  answer.remove_prefix(std::min(answer.size(), sizeof header));
  for_each_attribute(answer, [&](uint16_t type, std::string_view value) {
    if (type == IFLA_IFNAME) link.name = attribute_text(value);
    if (type == IFLA_IFALIAS) link.alias = attribute_text(value);
    if (type == IFLA_LINK) link.peer = static_cast<int>(attribute_u32(value));
    if (type == IFLA_MASTER) link.master = static_cast<int>(attribute_u32(value));
    if (type == IFLA_MTU) link.mtu = attribute_u32(value);
    if (type == IFLA_TXQLEN) link.queue_length = attribute_u32(value);
    if (type == IFLA_ADDRESS && value.size() == link.mac.size())
      memcpy(link.mac.data(), value.data(), value.size());
    if (type == IFLA_PERM_ADDRESS && value.size() == link.permanent_mac.size())
      memcpy(link.permanent_mac.data(), value.data(), value.size());
    if (type == IFLA_LINKINFO) read_info(value, link);
    if (type == IFLA_PROP_LIST)
      for_each_attribute(
          value, [&](uint16_t, std::string_view name) { link.alt_names.push_back(attribute_text(name)); });
  });
  return link;
}

}  // namespace

// Altnames are a property that only a message of its own sets (since 5.5); the alias, which any user of
// /sys/class/net reads, comes with the rest.
NetlinkRequest name_request(const std::string& name, const std::string& alt_name) {
  NetlinkMessage message(RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, link_header());
  message.put_text(IFLA_IFNAME, name);
  message.begin_nest(IFLA_PROP_LIST).put_text(IFLA_ALT_IFNAME, alt_name).end_nest();
  return {std::move(message), "name link", name + " " + alt_name};
}

// No address of its own: neither a link-local one of the kernel's nor one that a router announces.
void put_no_own_address(NetlinkMessage& message) {
  message.begin_nest(IFLA_AF_SPEC).begin_nest(AF_INET6);
  message.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE).end_nest().end_nest();
}

// Usable at once: tsct is the only one that gives out addresses, so nobody has to be asked first (RFC 4862
// section 5.4 would take a second).
NetlinkRequest address_request(const IpPrefix& prefix, int index, const std::string& name, uint8_t scope) {
  ifaddrmsg header{};
  header.ifa_scope = scope;
  header.ifa_family = static_cast<uint8_t>(prefix.address.family);
  header.ifa_prefixlen = prefix.length;
  header.ifa_index = static_cast<uint32_t>(index);
  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, header);
  const IpAddress& ip = prefix.address;
  message.put(IFA_LOCAL, ip.bytes.data(), ip.size());
  message.put(IFA_ADDRESS, ip.bytes.data(), ip.size());
  if (ip.family == AF_INET && prefix.length < 31) {
    auto broadcast = ip.bytes;
    for (size_t bit = prefix.length; bit < 32; bit++)
      broadcast[bit / 8] = static_cast<uint8_t>(broadcast[bit / 8] | 0x80 >> bit % 8);
    message.put(IFA_BROADCAST, broadcast.data(), ip.size());
  }
  if (ip.family == AF_INET6) message.put_u32(IFA_FLAGS, IFA_F_NODAD);
  return {std::move(message), "give address", prefix.text + " to " + name};
}

namespace {

rtmsg route_header(const IpPrefix& to) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(to.address.family);
  header.rtm_dst_len = to.length;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  return header;
}

std::string route_text(const RoutePlan& route) {
  return route.to.text + (route.via ? " via " + route.via->text : "");
}

// In a table beside the main one as the kernel's own: reply_routes.cc says why.
rtmsg route_header(const RoutePlan& route) {
  rtmsg header = route_header(route.to);
  if (!route.table) return header;
  header.rtm_table = RT_TABLE_UNSPEC;
  header.rtm_protocol = RTPROT_KERNEL;
  return header;
}

NetlinkRequest delete_address_request(const IpPrefix& prefix, int index, const std::string& name) {
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(prefix.address.family);
  header.ifa_prefixlen = prefix.length;
  header.ifa_index = static_cast<uint32_t>(index);
  NetlinkMessage message(RTM_DELADDR, 0, header);
  message.put(IFA_LOCAL, prefix.address.bytes.data(), prefix.address.size());
  return {std::move(message), "take address", prefix.text + " from " + name, {EADDRNOTAVAIL}};
}

}  // namespace

NetlinkRequest route_request(const RoutePlan& route, int index, const std::string& name) {
  rtmsg header = route_header(route);
  if (!route.via) header.rtm_scope = RT_SCOPE_LINK;
  if (route.on_link) header.rtm_flags |= RTNH_F_ONLINK;
  // Without NLM_F_EXCL: the link is up, and a router may have announced itself already.
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE, header);
  if (route.to.length > 0) message.put(RTA_DST, route.to.address.bytes.data(), route.to.address.size());
  if (route.via) message.put(RTA_GATEWAY, route.via->bytes.data(), route.via->size());
  if (route.table) message.put_u32(RTA_TABLE, route.table);
  message.put_u32(RTA_OIF, static_cast<uint32_t>(index));
  return {std::move(message), "add route", route_text(route) + " on " + name};
}

NetlinkRequest delete_route_request(const RoutePlan& route, int index, const std::string& name) {
  rtmsg header = route_header(route);
  header.rtm_protocol = RTPROT_UNSPEC;  // any
  header.rtm_scope = RT_SCOPE_NOWHERE;  // any
  NetlinkMessage message(RTM_DELROUTE, 0, header);
  if (route.to.length > 0) message.put(RTA_DST, route.to.address.bytes.data(), route.to.address.size());
  if (route.via) message.put(RTA_GATEWAY, route.via->bytes.data(), route.via->size());
  message.put_u32(RTA_OIF, static_cast<uint32_t>(index));
  return {std::move(message), "remove route", route_text(route) + " on " + name, {ESRCH}};
}

namespace {

std::optional<NetlinkRequest> set_request(NetlinkMessage message, const InterfacePlan& from,
                                          const InterfacePlan& to, const Mac& mac) {
  if (from.mac != to.mac) message.put(IFLA_ADDRESS, mac.data(), mac.size());
  if (from.mtu != to.mtu) message.put_u32(IFLA_MTU, to.mtu ? to.mtu : ETH_DATA_LEN);
  if (from.mac == to.mac && from.mtu == to.mtu) return {};
  return NetlinkRequest{std::move(message), "change link", to.name};
}

std::vector<std::string> texts_of(const std::vector<IpPrefix>& addresses) {
  std::vector<std::string> texts;
  for (const auto& prefix : addresses) texts.push_back(prefix.text);
  return texts;
}

std::vector<std::string> texts_of(const std::vector<RoutePlan>& routes) {
  std::vector<std::string> texts;
  for (const auto& route : routes) texts.push_back(route_text(route));
  return texts;
}

template <class List, class Item>
bool has(const List& list, const Item& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool has_ipv6(const std::vector<IpPrefix>& addresses) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [](const IpPrefix& prefix) { return prefix.address.family == AF_INET6; });
}

NetlinkMessage get_link(uint16_t flags) {
  NetlinkMessage message(RTM_GETLINK, flags, link_header());
  message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return message;
}

}  // namespace

bool Link::is_called(const std::string& alt_name) const {
  return alias == alt_name || std::find(alt_names.begin(), alt_names.end(), alt_name) != alt_names.end();
}

std::string Link::description() const {
  std::string out = kind.empty() ? "device" : kind;
  if (!alias.empty()) out += " \"" + alias + "\"";
  return out;
}

std::optional<Link> find_link(NetlinkSocket& netlink, const std::string& name) {
  std::optional<Link> found;
  NetlinkRequest request{get_link(0), "find link", name, {ENODEV}};
  request.message.put_text(name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
  netlink.ask(request, [&](std::string_view answer) { found = read_link(answer); });
  return found;
}

std::vector<Link> ports_of(NetlinkSocket& netlink, const Link& bridge) {
  std::vector<Link> ports;
  NetlinkRequest request{get_link(NLM_F_DUMP), "list ports", bridge.name};
  request.message.put_u32(IFLA_MASTER, static_cast<uint32_t>(bridge.index));
  netlink.ask(request, [&](std::string_view answer) {
    Link link = read_link(answer);
    if (link.master == bridge.index) ports.push_back(std::move(link));  // a kernel may not filter
  });
  return ports;
}

NetlinkRequest direct_route_request(const IpAddress& to, int index, const std::string& name) {
  IpPrefix prefix{to, static_cast<uint8_t>(to.size() * 8), to.text};
  rtmsg header = route_header(prefix);
  header.rtm_scope = RT_SCOPE_LINK;
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, header);
  message.put(RTA_DST, to.bytes.data(), to.size()).put_u32(RTA_OIF, static_cast<uint32_t>(index));
  return {std::move(message), "add route", to.text + " on " + name};
}

std::vector<Link> all_links(NetlinkSocket& netlink) {
  std::vector<Link> links;
  netlink.ask({get_link(NLM_F_DUMP), "list links", ""},
              [&](std::string_view answer) { links.push_back(read_link(answer)); });
  return links;
}

IpPrefix link_local(const Mac& mac) {
  IpPrefix prefix;
  prefix.length = 64;
  prefix.address.family = AF_INET6;
  auto& bytes = prefix.address.bytes;
  bytes = {0xfe,   0x80,   0,    0,    0,      0,      0,     0, static_cast<uint8_t>(mac[0] ^ 2),
           mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
  prefix.text = prefix.address.text = "fe80::/64";
  return prefix;
}

NetlinkRequest new_bridge_request(const NetworkUse& network) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_header());
  message.put_text(IFLA_IFNAME, network.bridge).put(IFLA_ADDRESS, network.mac.data(), network.mac.size());
  message.begin_nest(IFLA_LINKINFO).put_text(IFLA_INFO_KIND, "bridge").end_nest();
  return {std::move(message), "make bridge", network.bridge};
}

std::vector<NetlinkRequest> bridge_requests(const NetworkUse& network) {
  NetlinkMessage set(RTM_SETLINK, 0, up_header());
  set.put_text(IFLA_IFNAME, network.bridge).put_text(IFLA_IFALIAS, network.alt_name);
  set.put(IFLA_ADDRESS, network.mac.data(), network.mac.size()).put_u32(IFLA_GROUP, network.group);
  if (network.mtu) set.put_u32(IFLA_MTU, network.mtu);
  put_no_own_address(set);
  NetlinkRequest name = name_request(network.bridge, network.alt_name);
  name.taken = {EEXIST};  // it has it
  std::vector<NetlinkRequest> requests;
  requests.push_back(std::move(name));
  requests.push_back({std::move(set), "set up bridge", network.bridge});
  return requests;
}

std::vector<NetlinkRequest> bridge_address_requests(const NetworkUse& network, int index) {
  std::vector<NetlinkRequest> requests;
  for (const auto& prefix : network.addresses)
    requests.push_back(address_request(prefix, index, network.bridge));
  // Routers announce themselves, and guests find them, by it (RFC 4861 section 4.2).
  if (has_ipv6(network.addresses))
    requests.push_back(address_request(link_local(network.mac), index, network.bridge));
  return requests;
}

// A bridge without an address of its own takes the lowest of its ports', and would change it with each start
// and end.
Mac host_mac(const InterfacePlan& plan) {
  Mac mac = plan.mac.value_or(Mac{});
  if (plan.host_mac) return *plan.host_mac;
  mac[0] = mac[0] == 0xfe ? 0xfa : 0xfe;
  return mac;
}

NetlinkRequest new_veth_request(const InterfacePlan& plan, int netns) {
  // Moving the other end there later would wait for an RCU grace period. It is down and without address until
  // inner comes to it.
  NetlinkMessage made(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_header());
  made.put_text(IFLA_IFNAME, plan.host_name);
  Mac mac = plan.mac.value_or(Mac{}), own = host_mac(plan);
  made.put(IFLA_ADDRESS, own.data(), own.size());
  if (plan.mtu) made.put_u32(IFLA_MTU, plan.mtu);
  ifinfomsg peer_header = link_header();
  made.begin_nest(IFLA_LINKINFO).put_text(IFLA_INFO_KIND, "veth").begin_nest(IFLA_INFO_DATA);
  made.begin_nest(VETH_INFO_PEER, &peer_header, sizeof peer_header);
  made.put_text(IFLA_IFNAME, plan.name).put(IFLA_ADDRESS, mac.data(), mac.size());
  made.put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(netns));
  if (plan.queue_length) made.put_u32(IFLA_TXQLEN, *plan.queue_length);
  if (plan.mtu) made.put_u32(IFLA_MTU, plan.mtu);
  made.end_nest().end_nest().end_nest();
  return {std::move(made), "make link", plan.host_name};
}

bool is_end_of(const Link& link, const InterfacePlan& plan) {
  return link.is_called(plan.alt_name) ||
         (link.kind == "veth" && link.is_nameless() && link.mac == host_mac(plan));
}

std::vector<NetlinkRequest> veth_requests(const InterfacePlan& plan, const Link& bridge) {
  std::vector<NetlinkRequest> requests;
  requests.push_back(name_request(plan.host_name, plan.alt_name));
  NetlinkMessage set(RTM_SETLINK, 0, up_header());
  set.put_text(IFLA_IFNAME, plan.host_name).put_text(IFLA_IFALIAS, plan.alt_name);
  set.put_u32(IFLA_MASTER, static_cast<uint32_t>(bridge.index));
  put_no_own_address(set);
  requests.push_back({std::move(set), "join link to bridge", plan.host_name + " to " + plan.bridge});
  return requests;
}

std::vector<NetlinkRequest> inside_requests(const InterfacePlan& plan, int index) {
  std::vector<NetlinkRequest> requests;
  for (const auto& prefix : plan.addresses) requests.push_back(address_request(prefix, index, plan.name));
  // Where the MAC address is not tsct's the kernel makes it, as it would for the link's owner.
  if (has_ipv6(plan.addresses) && plan.mac)
    requests.push_back(address_request(link_local(*plan.mac), index, plan.name));
  NetlinkMessage up(RTM_SETLINK, 0, up_header(index));
  if (!plan.is_veth() && plan.kind != InterfaceKind::kPhysical) up.put_text(IFLA_IFALIAS, plan.alt_name);
  requests.push_back({std::move(up), "bring up link", plan.name});
  for (const auto& route : plan.routes) requests.push_back(route_request(route, index, plan.name));
  return requests;
}

std::vector<NetlinkRequest> change_requests(const InterfacePlan& from, const InterfacePlan& to) {
  std::vector<NetlinkRequest> requests;
  NetlinkMessage message(RTM_SETLINK, 0, link_header());
  message.put_text(IFLA_IFNAME, to.host_name);
  if (auto set = set_request(std::move(message), from, to, host_mac(to))) requests.push_back(std::move(*set));
  return requests;
}

std::vector<NetlinkRequest> change_inside_requests(const InterfacePlan& from, const InterfacePlan& to,
                                                   int index) {
  std::vector<NetlinkRequest> requests;
  const auto addresses = texts_of(to.addresses), routes = texts_of(to.routes);
  const bool other_mac = from.mac != to.mac;
  if (texts_of(from.addresses) == addresses && texts_of(from.routes) == routes && !other_mac &&
      from.mtu == to.mtu)
    return requests;
  for (size_t i = 0; i < from.routes.size(); i++)
    if (!has(routes, texts_of(from.routes)[i]))
      requests.push_back(delete_route_request(from.routes[i], index, to.name));
  for (const auto& prefix : from.addresses)
    if (!has(addresses, prefix.text)) requests.push_back(delete_address_request(prefix, index, to.name));
  if (other_mac && from.mac)
    requests.push_back(delete_address_request(link_local(*from.mac), index, to.name));
  if (auto set =
          set_request(NetlinkMessage(RTM_SETLINK, 0, link_header(index)), from, to, to.mac.value_or(Mac{})))
    requests.push_back(std::move(*set));
  // All of them: with the first address of a subnet its others may have gone.
  for (const auto& prefix : to.addresses) requests.push_back(address_request(prefix, index, to.name));
  if (has_ipv6(to.addresses) && to.mac)
    requests.push_back(address_request(link_local(*to.mac), index, to.name));
  for (const auto& route : to.routes) {
    NetlinkRequest request = route_request(route, index, to.name);
    request.taken = {EEXIST, ENETDOWN};  // down because the guest wants it so
    requests.push_back(std::move(request));
  }
  return requests;
}

NetlinkRequest join_request(const std::string& name, const Link& bridge) {
  NetlinkMessage message(RTM_SETLINK, 0, up_header());
  message.put_text(IFLA_IFNAME, name).put_u32(IFLA_MASTER, static_cast<uint32_t>(bridge.index));
  return {std::move(message), "join link to bridge", name + " to " + bridge.name};
}

NetlinkRequest delete_request(const Link& link) {
  return {NetlinkMessage(RTM_DELLINK, 0, link_header(link.index)), "delete link", link.name, {ENODEV}};
}

}  // namespace tsct
