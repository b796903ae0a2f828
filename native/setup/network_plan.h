#pragma once
// tsct.network of the launch plan: NetworkPlan of src/plan/network-plan.ts, field by field.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tsct {

class JsonReader;

using Mac = std::array<uint8_t, 6>;

struct IpAddress {
  int family = 0;                      // AF_INET, AF_INET6
  std::array<uint8_t, 16> bytes = {};  // in network order; IPv4: the first four
  std::string text;                    // as the plan has it
  size_t size() const;
};

struct IpPrefix {
  IpAddress address;
  uint8_t length = 0;
  std::string text;
};

struct NetworkUse {
  std::string name, bridge, alt_name;
  Mac mac = {};
  uint32_t group = 0;  // of links
  std::vector<IpPrefix> addresses;
  uint32_t mtu = 0;  // 0: the kernel's
  std::string run_dir, ruleset;
  std::vector<std::string> tables;
  std::vector<std::string> service;  // empty: none
  std::string hosts, dhcp;
  std::string guest_rules;  // in chains of others
  struct {
    std::string domain;  // empty: nobody is told
    std::vector<std::string> servers;
  } resolver;
};

struct RoutePlan {
  IpPrefix to;
  std::optional<IpAddress> via;  // absent: directly
  bool on_link = false;          // `via` is there though no address says so
  uint32_t table = 0;            // 0: the main one
};

// Ports of the host that lead to the first address of the interface: host + n to container + n.
struct PublishedPorts {
  int protocol = 0;             // IPPROTO_TCP, IPPROTO_UDP
  std::optional<IpAddress> at;  // absent: all addresses of the host
  uint16_t host = 0, container = 0;
  uint32_t count = 0;
};

// A bucket of tokens: its rate a second, its size, and what may wait for them.
struct RateLimit {
  uint64_t rate_bytes = 0;
  uint32_t burst_bytes = 0, queue_bytes = 0;
};

// What a container sends passes a link of kind ifb.
struct EgressLimit {
  RateLimit limit;
  std::string link, alt_name;
};

enum class InterfaceKind { kBridge, kRouted, kMacvlan, kIpvlan, kVlan, kPhysical };

struct InterfacePlan {
  std::string name, alt_name;
  InterfaceKind kind = InterfaceKind::kBridge;
  std::string host_name;  // bridge, routed
  std::string bridge;     // bridge
  // routed: where the host answers for it; the others: what it is made on, or what it is.
  std::string link;
  std::string mode;
  std::vector<Mac> sources;
  uint16_t vlan_id = 0;
  std::optional<uint32_t> queue_length;
  std::optional<Mac> mac;  // absent: that of `link`
  std::optional<Mac> host_mac;
  uint32_t mtu = 0;
  std::vector<IpPrefix> addresses;
  std::vector<IpPrefix> host_addresses;
  std::vector<RoutePlan> routes;
  struct {
    uint32_t table = 0;
    std::vector<IpAddress> from;
    std::vector<RoutePlan> routes;
  } replies;  // of what is sent from these addresses
  // routed: group of links; all tables that there may be, and what makes those that are wanted.
  uint32_t group = 0;
  std::vector<std::string> tables;
  std::string ruleset;
  std::string rules_add, rules_remove;
  std::vector<PublishedPorts> ports;
  std::optional<RateLimit> ingress;  // of what the container receives
  std::optional<EgressLimit> egress;

  // A veth, which goes with its end on the host; the others are in the container's namespace alone.
  bool is_veth() const { return kind == InterfaceKind::kBridge || kind == InterfaceKind::kRouted; }
};

// Whose network namespace the container is in, instead of one of its own.
struct JoinedNamespace {
  enum class Whose { kHost, kContainer, kFile } whose = Whose::kHost;
  std::string name, control;  // kContainer: its name, and its supervisor's socket
  std::string path;           // kFile
};

struct NetworkPlan {
  std::vector<NetworkUse> networks;
  std::vector<InterfacePlan> interfaces;
  std::optional<JoinedNamespace> joins;

  // While a running container is changed: what it had before, all of it. Undone with the rest.
  std::vector<NetworkPlan> leaving;  // one at most
  // Names of interfaces of both that cannot be changed in place.
  std::vector<std::string> remade;
};

// Throws SysError with the JSON path of what is wrong.
NetworkPlan decode_network(JsonReader reader);

}  // namespace tsct
