#include "setup/network_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "setup/keeper.h"
#include "setup/nft.h"
#include "setup/nft_rules.h"
#include "setup/resolver.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kForward = "turn on forwarding";

bool reads(const std::string& path, char value) {
  return read_file(AT_FDCWD, path, kForward).starts_with(value);
}

// A host that learns its routes from routers stops to listen once it forwards, unless told 2 (ip-sysctl.rst,
// accept_ra): it would lose its own way out.
void keep_learning_routes() {
  const std::string all = "/proc/sys/net/ipv6/conf";
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(all.c_str()), ::closedir);
  while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    std::string name = entry->d_name;
    if (name[0] == '.' || name == "all" || name == "default" || name == "lo") continue;
    std::string path = all + "/" + name + "/accept_ra";
    try {
      if (reads(path, '1')) write_file(AT_FDCWD, path, "2", kForward);
    } catch (const SysError& e) {
      if (e.err != ENOENT) throw;  // the link is gone meanwhile
    }
  }
}

}  // namespace

// Of the whole host: packets come back by whatever interface leads out. Never turned off again, since others
// may have come to need it.
void forward(const std::vector<IpPrefix>& addresses) {
  bool ipv4 = false, ipv6 = false;
  for (const auto& prefix : addresses) (prefix.address.family == AF_INET ? ipv4 : ipv6) = true;
  const std::string v4 = "/proc/sys/net/ipv4/ip_forward", v6 = "/proc/sys/net/ipv6/conf/all/forwarding";
  if (ipv4 && !reads(v4, '1')) write_file(AT_FDCWD, v4, "1", kForward);
  if (ipv6 && !reads(v6, '1')) {
    keep_learning_routes();
    write_file(AT_FDCWD, v6, "1", kForward);
  }
}

// ARP needs no switch to answer for whom it is told of (ip-sysctl.rst, proxy_ndp). Without such neighbours it
// does nothing, and is not turned off again either.
void allow_proxy(const InterfacePlan& interface) {
  auto is_ipv6 = [](const IpPrefix& prefix) { return prefix.address.family == AF_INET6; };
  if (interface.link.empty() || std::ranges::none_of(interface.addresses, is_ipv6)) return;
  std::string path = "/proc/sys/net/ipv6/conf/" + interface.link + "/proxy_ndp";
  try {
    if (!reads(path, '1')) write_file(AT_FDCWD, path, "1", "answer on link");
  } catch (const SysError& e) {
    if (e.err != ENOENT) throw;  // who makes the interface says that there is no such link
  }
}

namespace {

// A start that was killed right after it had made it has given it no name, but an address.
bool is_ours(const NetworkUse& network, const Link& link) {
  bool just_made = link.is_nameless() && link.mac == network.mac;
  return link.kind == "bridge" && (just_made || link.is_called(network.alt_name));
}

Link ours_or_refuse(const NetworkUse& network, Link link) {
  if (is_ours(network, link)) return link;
  refuse("make bridge", network.bridge,
         "a link of that name exists that is not of this network: " + link.description(), EEXIST);
}

Link expect_link(NetlinkSocket& netlink, const std::string& name, const char* step) {
  std::optional<Link> link = find_link(netlink, name);
  if (!link) refuse(step, name, "it went away again", ENODEV);
  return *link;
}

// After the bridge was deleted under them.
void join_ports_again(NetlinkSocket& netlink, const Link& bridge, const NetworkFiles& files) {
  for (const auto& port : files.ports()) {
    std::optional<Link> link = find_link(netlink, port.link);
    if (link && link->kind == "veth" && link->master == 0 && !link->alias.empty())
      netlink.run({join_request(port.link, bridge)});
  }
}

// Of rules in chains of others; network_plan.ts has it, too. Whoever ends last may have a plan without them.
std::string comment_of(const NetworkUse& network) {
  return "tsct-" + network.bridge;
}

std::string delete_tables(const NetworkUse& network) {
  std::string text;
  // Made first, if need be: to delete what is not there is an error.
  for (const auto& table : network.tables) text += "table " + table + "\ndelete table " + table + "\n";
  return text;
}

}  // namespace

std::optional<Link> find_network(NetlinkSocket& netlink, const NetworkUse& network,
                                 const NetworkFiles& files) {
  if (files.ruleset() != network.ruleset) return {};
  if (!network.service.empty() && !keeper_alive(network.run_dir)) return {};
  std::optional<Link> link = find_link(netlink, network.bridge);
  if (!link || !(link->flags & IFF_UP)) return {};
  return ours_or_refuse(network, *link);
}

void load_tables(const NetworkUse& network, const NetworkFiles& files, const UniqueFd& exclusive) {
  std::string text = network.ruleset;
  if (!text.empty() && text.back() != '\n') text += '\n';
  for (const auto& port : files.ports()) text += port.rules + "\n";
  NftRun(text, {exclusive.get()}).expect("load rules of network", network.name);
}

void bring_up_network(NetlinkSocket& netlink, const NetworkUse& network, const NetworkFiles& files,
                      const CgroupPlan& cgroup, const UniqueFd& exclusive) {
  files.clear_ruleset();
  for (const char* name : {"ports.d", "hosts.d", "dhcp.d"})
    make_directories(files.path(name), "keep records of network");
  std::optional<Link> link = find_link(netlink, network.bridge);
  if (link)
    ours_or_refuse(network, *link);
  else
    netlink.run({new_bridge_request(network)});
  netlink.run(bridge_requests(network));
  Link bridge = expect_link(netlink, network.bridge, "make bridge");
  netlink.run(bridge_address_requests(network, bridge.index));
  forward(network.addresses);
  load_tables(network, files, exclusive);
  if (!network.guest_rules.empty()) {
    delete_rules_called(comment_of(network));
    NftRun(network.guest_rules, {exclusive.get()}).expect("let through bridge", network.bridge);
  }
  join_ports_again(netlink, bridge, files);
  if (!network.service.empty()) start_keeper(keeper_of(network), cgroup);
  tell_resolver(network, files);
  files.set_ruleset(network.ruleset);
}

bool network_in_use(NetlinkSocket& netlink, const NetworkUse& network, const NetworkFiles& files,
                    const std::vector<InterfacePlan>& except) {
  auto ours = [&](const std::string& name) {
    return std::any_of(except.begin(), except.end(),
                       [&](const InterfacePlan& plan) { return plan.host_name == name; });
  };
  std::optional<Link> bridge = find_link(netlink, network.bridge);
  if (bridge && is_ours(network, *bridge))
    for (const Link& port : ports_of(netlink, *bridge))
      if (!ours(port.name)) return true;
  // Those of a bridge that was deleted under them.
  for (const auto& port : files.ports())
    if (!ours(port.link) && find_link(netlink, port.link)) return true;
  return false;
}

void take_down_network(NetlinkSocket& netlink, const NetworkUse& network, const NetworkFiles& files,
                       const CgroupPlan& cgroup, const UniqueFd& exclusive) {
  NftRun tables(delete_tables(network), {exclusive.get()});
  stop_keeper(keeper_of(network), cgroup);
  std::optional<Link> bridge = find_link(netlink, network.bridge);
  if (bridge && is_ours(network, *bridge)) netlink.run({delete_request(*bridge)});
  tables.expect("delete tables of network", network.name);
  delete_rules_called(comment_of(network));
  files.remove_all();
}

void take_down_if_unused(NetlinkSocket& netlink, const NetworkUse& network, const NetworkFiles& files,
                         const CgroupPlan& cgroup) {
  if (network_in_use(netlink, network, files, {})) return;
  UniqueFd exclusive = files.lock_if_there(LOCK_EX);
  if (exclusive && !network_in_use(netlink, network, files, {}))
    take_down_network(netlink, network, files, cgroup, exclusive);
}

}  // namespace tsct
