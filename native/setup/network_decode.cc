#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdio>

#include "setup/json_reader.h"
#include "setup/network_plan.h"

namespace tsct {
namespace {

constexpr size_t kAltNameBytesMax = 127;  // ALTIFNAMSIZ of <linux/if.h>, with its NUL

// What dev_valid_name() of the kernel takes, and no more than what an argument of nft(8) stands unquoted.
std::string link_name(JsonReader& r, const char* key) {
  auto name = r.get<std::string>(key);
  bool plain = !name.empty() && name.size() < IFNAMSIZ && name != "." && name != "..";
  for (unsigned char c : name) plain = plain && c > ' ' && c < 0x7f && c != '/' && c != ':';
  if (!plain) refuse("decode plan", r.where(key), "\"" + name + "\" cannot be the name of a link");
  return name;
}

RateLimit rate_limit(JsonReader& r) {
  RateLimit limit{r.get<uint64_t>("rateBytes"), r.get<uint32_t>("burstBytes"), r.get<uint32_t>("queueBytes")};
  if (limit.rate_bytes == 0 || limit.burst_bytes == 0 || limit.queue_bytes == 0)
    refuse("decode plan", r.where("rateBytes"), "lets nothing through");
  return limit;
}

std::string alt_name(JsonReader& r) {
  auto name = r.get<std::string>("altName");
  if (name.empty() || name.size() > kAltNameBytesMax || name.find_first_of("/ \n") != std::string::npos)
    refuse("decode plan", r.where("altName"), "\"" + name + "\" cannot be the second name of a link");
  return name;
}

// It is joined with names and removed: never a directory that is somebody else's.
std::string run_directory(JsonReader& r) {
  auto path = r.get<std::string>("runDir");
  if (path.empty() || path[0] != '/' || path.find("/.net/") == std::string::npos ||
      path.find("/..") != std::string::npos)
    refuse("decode plan", r.where("runDir"), "is not where networks keep their files");
  return path;
}

Mac mac_address(const std::string& text, const std::string& where) {
  unsigned parts[6];
  char after;
  if (text.size() != 17 || sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &parts[0], &parts[1], &parts[2],
                                  &parts[3], &parts[4], &parts[5], &after) != 6)
    refuse("decode plan", where, "\"" + text + "\" is not a MAC address");
  Mac mac;
  for (size_t i = 0; i < mac.size(); i++) mac[i] = static_cast<uint8_t>(parts[i]);
  if (mac[0] & 1 || mac == Mac{})
    refuse("decode plan", where, "\"" + text + "\" is not the MAC address of one machine");
  return mac;
}

Mac mac_address(JsonReader& r, const char* key) {
  return mac_address(r.get<std::string>(key), r.where(key));
}

IpAddress ip_address(const std::string& text, const std::string& where) {
  IpAddress ip;
  ip.text = text;
  ip.family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(ip.family, text.c_str(), ip.bytes.data()) != 1)
    refuse("decode plan", where, "\"" + text + "\" is not an IP address");
  return ip;
}

IpPrefix ip_prefix(const std::string& text, const std::string& where) {
  IpPrefix prefix;
  size_t slash = text.find('/');
  if (slash == std::string::npos) refuse("decode plan", where, "\"" + text + "\" has no prefix length");
  prefix.address = ip_address(text.substr(0, slash), where);
  prefix.text = text;
  std::string length = text.substr(slash + 1);
  bool digits =
      !length.empty() && length.size() <= 3 && length.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoul(length) > prefix.address.size() * 8)
    refuse("decode plan", where, "\"" + text + "\" has no valid prefix length");
  prefix.length = static_cast<uint8_t>(std::stoul(length));
  return prefix;
}

std::vector<IpPrefix> addresses(JsonReader& r, const char* key) {
  std::vector<IpPrefix> out;
  for (const auto& text : r.get<std::vector<std::string>>(key)) out.push_back(ip_prefix(text, r.where(key)));
  return out;
}

// IPv6 asks for 1280 (RFC 8200 section 5), IPv4 for 68.
uint32_t mtu(JsonReader& r) {
  if (!r.has("mtu")) return 0;
  auto value = r.get<uint32_t>("mtu");
  if (value < 68 || value > 65535) refuse("decode plan", r.where("mtu"), "is not from 68 to 65535 bytes");
  return value;
}

NetworkUse decode_use(JsonReader& r) {
  NetworkUse n;
  n.name = r.get<std::string>("name");
  n.bridge = link_name(r, "bridge");
  n.alt_name = alt_name(r);
  n.mac = mac_address(r, "mac");
  n.group = r.get<uint32_t>("group");
  n.addresses = addresses(r, "addresses");
  n.mtu = mtu(r);
  n.run_dir = run_directory(r);
  n.ruleset = r.get<std::string>("ruleset");
  n.tables = r.get<std::vector<std::string>>("tables");
  if (r.has("guestRules")) n.guest_rules = r.get<std::string>("guestRules");
  if (r.has("service")) {
    JsonReader service = r.object("service");
    n.service = service.get<std::vector<std::string>>("argv");
    if (n.service.empty() || n.service[0].empty() || n.service[0][0] != '/')
      refuse("decode plan", service.where("argv"), "does not begin with an absolute path");
    service.done();
  }
  if (r.has("resolver")) {
    JsonReader resolver = r.object("resolver");
    n.resolver.domain = resolver.get<std::string>("domain");
    n.resolver.servers = resolver.get<std::vector<std::string>>("servers");
    for (const auto& server : n.resolver.servers) ip_address(server, resolver.where("servers"));
    resolver.done();
  }
  JsonReader records = r.object("records");
  n.hosts = records.get<std::string>("hosts");
  n.dhcp = records.get<std::string>("dhcp");
  records.done();
  return n;
}

PublishedPorts decode_ports(JsonReader& r) {
  PublishedPorts p;
  p.protocol = r.word("protocol", {"tcp", "udp"}) == "tcp" ? IPPROTO_TCP : IPPROTO_UDP;
  if (r.has("at")) p.at = ip_address(r.get<std::string>("at"), r.where("at"));
  p.host = r.get<uint16_t>("host");
  p.container = r.get<uint16_t>("container");
  p.count = r.get<uint32_t>("count");
  if (p.host == 0 || p.container == 0 || p.count == 0 || p.count > 65536u - std::max(p.host, p.container))
    refuse("decode plan", r.where("count"), "leads to ports that are not from 1 to 65535");
  return p;
}

InterfaceKind interface_kind(JsonReader& r) {
  constexpr std::pair<const char*, InterfaceKind> kKinds[] = {
      {"bridge", InterfaceKind::kBridge},   {"routed", InterfaceKind::kRouted},
      {"macvlan", InterfaceKind::kMacvlan}, {"ipvlan", InterfaceKind::kIpvlan},
      {"vlan", InterfaceKind::kVlan},       {"physical", InterfaceKind::kPhysical}};
  auto word = r.word("kind", {"bridge", "routed", "macvlan", "ipvlan", "vlan", "physical"});
  for (const auto& [name, kind] : kKinds)
    if (word == name) return kind;
  return InterfaceKind::kBridge;
}

// What belongs to one kind; of another it would be refused as unknown.
void decode_kind(JsonReader& r, InterfacePlan& i) {
  i.kind = interface_kind(r);
  if (i.is_veth()) i.host_name = link_name(r, "hostName");
  if (i.kind == InterfaceKind::kBridge) i.bridge = link_name(r, "bridge");
  if (!i.is_veth() || (i.kind == InterfaceKind::kRouted && r.has("link"))) i.link = link_name(r, "link");
  if (i.kind == InterfaceKind::kMacvlan)
    i.mode = r.word("mode", {"private", "vepa", "bridge", "passthru", "source"});
  if (i.kind == InterfaceKind::kIpvlan) i.mode = r.word("mode", {"l2", "l3", "l3s"});
  if (i.mode == "source")
    for (const auto& text : r.get<std::vector<std::string>>("sources"))
      i.sources.push_back(mac_address(text, r.where("sources")));
  if (i.kind == InterfaceKind::kVlan) {
    i.vlan_id = r.get<uint16_t>("vlanId");
    if (i.vlan_id < 1 || i.vlan_id > 4094) refuse("decode plan", r.where("vlanId"), "is not from 1 to 4094");
  }
  if (i.kind == InterfaceKind::kRouted) {
    i.host_addresses = addresses(r, "hostAddresses");
    i.group = r.get<uint32_t>("group");
    JsonReader tables = r.object("tables");
    i.tables = tables.get<std::vector<std::string>>("names");
    i.ruleset = tables.get<std::string>("ruleset");
    tables.done();
  }
  bool has_own = i.is_veth() || i.kind == InterfaceKind::kVlan;
  if (has_own || r.has("mac")) i.mac = mac_address(r, "mac");
}

RoutePlan decode_route(JsonReader& r) {
  RoutePlan route;
  route.to = ip_prefix(r.get<std::string>("to"), r.where("to"));
  if (r.has("via")) route.via = ip_address(r.get<std::string>("via"), r.where("via"));
  route.on_link = r.get_or<bool>("onLink", false);
  if (route.via && route.to.address.family != route.via->family)
    refuse("decode plan", r.where("via"), "is of another version of IP than the destination");
  return route;
}

void decode_replies(JsonReader r, InterfacePlan& i) {
  i.replies.table = r.get<uint32_t>("table");
  if (i.replies.table < 256) refuse("decode plan", r.where("table"), "is one of the kernel's own");
  for (const auto& text : r.get<std::vector<std::string>>("from"))
    i.replies.from.push_back(ip_address(text, r.where("from")));
  r.each("routes", [&](JsonReader& route) {
    i.replies.routes.push_back(decode_route(route));
    i.replies.routes.back().table = i.replies.table;
  });
  r.done();
}

InterfacePlan decode_interface(JsonReader& r) {
  InterfacePlan i;
  i.name = link_name(r, "name");
  if (i.name == "lo") refuse("decode plan", r.where("name"), "is the loopback interface");
  decode_kind(r, i);
  i.alt_name = alt_name(r);
  if (r.has("hostMac")) i.host_mac = mac_address(r, "hostMac");
  i.mtu = mtu(r);
  if (r.has("queueLength")) i.queue_length = r.get<uint32_t>("queueLength");
  i.addresses = addresses(r, "addresses");
  r.each("routes", [&](JsonReader& route) { i.routes.push_back(decode_route(route)); });
  if (r.has("replies")) decode_replies(r.object("replies"), i);
  if (r.has("rules")) {
    JsonReader rules = r.object("rules");
    i.rules_add = rules.get<std::string>("add");
    i.rules_remove = rules.get<std::string>("remove");
    rules.done();
  }
  if (r.has("limits")) {
    JsonReader limits = r.object("limits");
    if (limits.has("ingress")) {
      JsonReader ingress = limits.object("ingress");
      i.ingress = rate_limit(ingress);
      ingress.done();
    }
    if (limits.has("egress")) {
      JsonReader egress = limits.object("egress");
      i.egress = EgressLimit{rate_limit(egress), link_name(egress, "link"), alt_name(egress)};
      egress.done();
    }
    limits.done();
  }
  if (r.has("ports")) {
    r.each("ports", [&](JsonReader& ports) { i.ports.push_back(decode_ports(ports)); });
    if (i.addresses.empty()) refuse("decode plan", r.where("ports"), "lead to no address");
  }
  return i;
}

JoinedNamespace decode_joined(JsonReader r) {
  JoinedNamespace j;
  using Whose = JoinedNamespace::Whose;
  auto whose = r.word("whose", {"host", "container", "file"});
  j.whose = whose == "host" ? Whose::kHost : whose == "container" ? Whose::kContainer : Whose::kFile;
  if (j.whose == Whose::kContainer) {
    j.name = r.get<std::string>("name");
    j.control = r.get<std::string>("control");
  }
  if (j.whose == Whose::kFile) j.path = r.get<std::string>("path");
  r.done();
  return j;
}

}  // namespace

size_t IpAddress::size() const {
  return family == AF_INET ? 4 : 16;
}

NetworkPlan decode_network(JsonReader r) {
  NetworkPlan plan;
  r.each("networks", [&](JsonReader& n) { plan.networks.push_back(decode_use(n)); });
  std::set<std::string> names, host_names;
  r.each("interfaces", [&](JsonReader& i) {
    plan.interfaces.push_back(decode_interface(i));
    if (!names.insert(plan.interfaces.back().name).second)
      refuse("decode plan", i.where("name"), "is there twice");
    if (plan.interfaces.back().is_veth() && !host_names.insert(plan.interfaces.back().host_name).second)
      refuse("decode plan", i.where("hostName"), "is there twice");
  });
  if (r.has("joins")) {
    plan.joins = decode_joined(r.object("joins"));
    if (!plan.interfaces.empty())
      refuse("decode plan", r.where("joins"), "leaves no room for interfaces of its own");
  }
  if (r.has("leaving")) plan.leaving.push_back(decode_network(r.object("leaving")));
  if (r.has("remade")) plan.remade = r.get<std::vector<std::string>>("remade");
  r.done();
  return plan;
}

}  // namespace tsct
