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
  std::vector<IpPrefix> addresses;
  uint32_t mtu = 0;  // 0: the kernel's
  std::string run_dir, ruleset;
  std::vector<std::string> tables;
  std::vector<std::string> service;  // empty: none
  std::string hosts, dhcp;
  struct {
    std::string domain;  // empty: nobody is told
    std::vector<std::string> servers;
  } resolver;
};

struct RoutePlan {
  IpPrefix to;
  IpAddress via;
};

// Ports of the host that lead to the first address of the interface: host + n to container + n.
struct PublishedPorts {
  int protocol = 0;             // IPPROTO_TCP, IPPROTO_UDP
  std::optional<IpAddress> at;  // absent: all addresses of the host
  uint16_t host = 0, container = 0;
  uint32_t count = 0;
};

struct InterfacePlan {
  std::string name, host_name, alt_name, bridge;
  Mac mac = {};
  std::optional<Mac> host_mac;
  uint32_t mtu = 0;
  std::vector<IpPrefix> addresses;
  std::vector<RoutePlan> routes;
  std::string rules_add, rules_remove;
  std::vector<PublishedPorts> ports;
};

struct NetworkPlan {
  std::vector<NetworkUse> networks;
  std::vector<InterfacePlan> interfaces;
};

// Throws SysError with the JSON path of what is wrong.
NetworkPlan decode_network(JsonReader reader);

}  // namespace tsct
