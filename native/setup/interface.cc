#include "setup/interface.h"

#include <net/if.h>

#include "setup/given_link.h"
#include "setup/link_kinds.h"
#include "setup/links.h"
#include "setup/network_namespace.h"
#include "setup/nft.h"
#include "setup/rate_limit.h"
#include "setup/reply_routes.h"
#include "sys/error.h"

namespace tsct {
namespace {

Link find_bridge(NetlinkSocket& netlink, const InterfacePlan& plan) {
  std::optional<Link> bridge = find_link(netlink, plan.bridge);
  if (!bridge) refuse("join link to bridge", plan.bridge, "there is no such link", ENODEV);
  if (bridge->kind != "bridge")
    refuse("join link to bridge", plan.bridge, "it is no bridge but a " + bridge->description());
  return *bridge;
}

// Says who has the name. What is ours was left by a run that nobody has cleaned up after.
void make_room(NetlinkSocket& netlink, const InterfacePlan& plan) {
  for (const auto& name : {plan.host_name, plan.alt_name}) {
    std::optional<Link> holder = find_link(netlink, name);
    if (!holder) continue;
    if (!is_end_of(*holder, plan))
      refuse("make link", plan.host_name, "the name is taken by a " + holder->description(), EEXIST);
    netlink.run({delete_request(*holder)});
  }
}

void make_veth(NetlinkSocket& netlink, const InterfacePlan& plan, int netns) {
  NetlinkRequest request = new_veth_request(plan, netns);
  try {
    netlink.run({request});
  } catch (const SysError& e) {
    if (e.err != EEXIST) throw;
    make_room(netlink, plan);
    netlink.run({request});
  }
  limit_rates(netlink, plan);
}

// For who is on that link, and asks there who has the address.
void answer_on_link(NetlinkSocket& host, const InterfacePlan& plan, bool wanted) {
  if (plan.link.empty()) return;
  std::optional<Link> parent = find_link(host, plan.link);
  if (parent) return host.run(proxy_requests(plan, parent->index, wanted));
  if (wanted)
    refuse("answer on link", plan.link + " for " + plan.name, "there is no link " + plan.link, ENODEV);
}

void make_routed(NetlinkSocket& host, const InterfacePlan& plan, int netns) {
  make_veth(host, plan, netns);
  std::optional<Link> link = find_link(host, plan.host_name);
  if (!link) refuse("make link", plan.host_name, "it went away again", ENODEV);
  host.run(routed_requests(plan, link->index));
  answer_on_link(host, plan, true);
}

void make_upper(NetlinkSocket& host, const InterfacePlan& plan, int netns) {
  std::optional<Link> parent = find_link(host, plan.link);
  NetlinkRequest request = new_upper_request(plan, parent.value_or(Link{}), netns);
  if (!parent) refuse(request.step, request.target, "there is no link " + plan.link, ENODEV);
  if (!(parent->flags & IFF_UP)) refuse(request.step, request.target, plan.link + " is down", ENETDOWN);
  host.run({std::move(request)});
}

// The far end may be going already, with its namespace; deleted is deleted when this returns.
void delete_veth(NetlinkSocket& host, const InterfacePlan& plan) {
  std::optional<Link> link = find_link(host, plan.host_name);
  if (link && is_end_of(*link, plan)) host.run({delete_request(*link)});
  remove_rate_link(host, plan);
}

// After the link: its hook would fail to come about then, should nft still be at it for a start that was
// killed.
void delete_tables(const InterfacePlan& plan) {
  std::string text;
  for (const auto& table : plan.tables) text += "table " + table + "\ndelete table " + table + "\n";
  NftRun(text, {}).expect("delete tables of", plan.host_name);
}

// By whatever name: all of its kind go, and what guest root has made on top of them with them.
void delete_upper(const InterfacePlan& plan, int netns) {
  in_network_namespace(netns, [&] {
    NetlinkSocket inside;
    const char* kind = plan.kind == InterfaceKind::kMacvlan  ? "macvlan"
                       : plan.kind == InterfaceKind::kIpvlan ? "ipvlan"
                                                             : "vlan";
    for (const Link& link : all_links(inside))
      if (link.kind == kind && link.is_called(plan.alt_name)) inside.run({delete_request(link)});
    std::optional<Link> named = find_link(inside, plan.name);
    if (named && named->kind == kind) inside.run({delete_request(*named)});
  });
}

}  // namespace

void make_interface(NetlinkSocket& host, const InterfacePlan& plan, const GuestPlaces& guest) {
  switch (plan.kind) {
    case InterfaceKind::kBridge: {
      Link bridge = find_bridge(host, plan);
      make_veth(host, plan, guest.netns);
      return host.run(veth_requests(plan, bridge));
    }
    case InterfaceKind::kRouted:
      return make_routed(host, plan, guest.netns);
    case InterfaceKind::kPhysical:
      return give_link(host, plan, guest);
    default:
      return make_upper(host, plan, guest.netns);
  }
}

void configure_interface(NetlinkSocket& inside, const InterfacePlan& plan) {
  std::optional<Link> link = find_link(inside, plan.name);
  if (!link) refuse("give address", plan.name, "the link is not there", ENODEV);
  inside.run(inside_requests(plan, link->index));
  if (plan.replies.table) inside.run(reply_requests(plan, link->index));
}

void remove_interface(NetlinkSocket& host, const InterfacePlan& plan, const GuestPlaces& guest) {
  if (plan.is_veth()) {
    if (plan.kind == InterfaceKind::kRouted) answer_on_link(host, plan, false);
    delete_veth(host, plan);
    return delete_tables(plan);
  }
  if (plan.kind == InterfaceKind::kPhysical) return take_link_back(host, plan, guest);
  if (guest.netns >= 0) delete_upper(plan, guest.netns);
}

}  // namespace tsct
