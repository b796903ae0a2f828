#include "setup/link_kinds.h"

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <sys/socket.h>

#include <utility>

namespace tsct {
namespace {

const char* kind_name(InterfaceKind kind) {
  return kind == InterfaceKind::kMacvlan ? "macvlan" : kind == InterfaceKind::kIpvlan ? "ipvlan" : "vlan";
}

void put_macvlan(NetlinkMessage& message, const InterfacePlan& plan) {
  constexpr std::pair<const char*, uint32_t> kModes[] = {{"private", MACVLAN_MODE_PRIVATE},
                                                         {"vepa", MACVLAN_MODE_VEPA},
                                                         {"bridge", MACVLAN_MODE_BRIDGE},
                                                         {"passthru", MACVLAN_MODE_PASSTHRU},
                                                         {"source", MACVLAN_MODE_SOURCE}};
  for (const auto& [name, mode] : kModes)
    if (plan.mode == name) message.put_u32(IFLA_MACVLAN_MODE, mode);
  if (plan.sources.empty()) return;
  message.put_u32(IFLA_MACVLAN_MACADDR_MODE, MACVLAN_MACADDR_SET).begin_nest(IFLA_MACVLAN_MACADDR_DATA);
  for (const Mac& mac : plan.sources) message.put(IFLA_MACVLAN_MACADDR, mac.data(), mac.size());
  message.end_nest();
}

void put_ipvlan(NetlinkMessage& message, const InterfacePlan& plan) {
  uint16_t mode = plan.mode == "l3" ? IPVLAN_MODE_L3 : plan.mode == "l3s" ? IPVLAN_MODE_L3S : IPVLAN_MODE_L2;
  message.put(IFLA_IPVLAN_MODE, &mode, sizeof mode);
}

}  // namespace

NetlinkRequest new_upper_request(const InterfacePlan& plan, const Link& parent, int netns) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_header());
  message.put_text(IFLA_IFNAME, plan.name).put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(netns));
  message.put_u32(IFLA_LINK, static_cast<uint32_t>(parent.index));
  if (plan.mac) message.put(IFLA_ADDRESS, plan.mac->data(), plan.mac->size());
  if (plan.mtu) message.put_u32(IFLA_MTU, plan.mtu);
  if (plan.queue_length) message.put_u32(IFLA_TXQLEN, *plan.queue_length);
  message.begin_nest(IFLA_LINKINFO).put_text(IFLA_INFO_KIND, kind_name(plan.kind));
  message.begin_nest(IFLA_INFO_DATA);
  if (plan.kind == InterfaceKind::kMacvlan) put_macvlan(message, plan);
  if (plan.kind == InterfaceKind::kIpvlan) put_ipvlan(message, plan);
  if (plan.kind == InterfaceKind::kVlan) message.put(IFLA_VLAN_ID, &plan.vlan_id, sizeof plan.vlan_id);
  message.end_nest().end_nest();
  std::string target = plan.name + " on " + plan.link;
  if (plan.vlan_id) target += " with id " + std::to_string(plan.vlan_id);
  return {std::move(message), std::string("make ") + kind_name(plan.kind), target};
}

std::vector<NetlinkRequest> routed_requests(const InterfacePlan& plan, int index) {
  std::vector<NetlinkRequest> requests;
  requests.push_back(name_request(plan.host_name, plan.alt_name));
  NetlinkMessage set(RTM_SETLINK, 0, up_header(index));
  set.put_text(IFLA_IFALIAS, plan.alt_name).put_u32(IFLA_GROUP, plan.group);
  put_no_own_address(set);
  requests.push_back({std::move(set), "bring up link", plan.host_name});
  for (const auto& prefix : plan.host_addresses)
    requests.push_back(address_request(prefix, index, plan.host_name, RT_SCOPE_LINK));
  for (const auto& prefix : plan.addresses)
    requests.push_back(direct_route_request(prefix.address, index, plan.host_name));
  return requests;
}

std::vector<NetlinkRequest> proxy_requests(const InterfacePlan& plan, int index, bool wanted) {
  std::vector<NetlinkRequest> requests;
  for (const auto& [address, length, text] : plan.addresses) {
    ndmsg header{};
    header.ndm_family = static_cast<uint8_t>(address.family);
    header.ndm_ifindex = index;
    header.ndm_state = NUD_PERMANENT;
    header.ndm_flags = NTF_PROXY;
    NetlinkMessage message(wanted ? RTM_NEWNEIGH : RTM_DELNEIGH, wanted ? NLM_F_CREATE | NLM_F_REPLACE : 0,
                           header);
    message.put(NDA_DST, address.bytes.data(), address.size());
    requests.push_back({std::move(message), wanted ? "answer on link" : "answer on link no longer",
                        plan.link + " for " + address.text,
                        wanted ? std::vector<int>{} : std::vector<int>{ENOENT}});
  }
  return requests;
}

NetlinkRequest move_request(const Link& link, const std::string& name, int netns) {
  ifinfomsg header = link_header(link.index);
  header.ifi_change = IFF_UP;
  NetlinkMessage message(RTM_SETLINK, 0, header);
  message.put_text(IFLA_IFNAME, name).put_u32(IFLA_NET_NS_FD, static_cast<uint32_t>(netns));
  return {std::move(message), "give link", link.name};
}

std::vector<NetlinkRequest> forget_names_requests(const Link& link) {
  std::vector<NetlinkRequest> requests;
  for (const auto& name : link.alt_names) {
    NetlinkMessage message(RTM_DELLINKPROP, 0, link_header(link.index));
    message.begin_nest(IFLA_PROP_LIST).put_text(IFLA_ALT_IFNAME, name).end_nest();
    requests.push_back({std::move(message), "take second name", name + " of " + link.name, {ENOENT}});
  }
  return requests;
}

}  // namespace tsct
