// The network part of the plan, and the messages made of it, carried out by the kernel in namespaces of the
// test.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "setup/json_reader.h"
#include "setup/links.h"
#include "setup/network_plan.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

using namespace tsct;
using Pointer = Json::json_pointer;

namespace {

Json example() {
  return Json::parse(R"({
    "networks": [{
      "name": "tsct0", "bridge": "tsct0-01234567", "altName": "tsct-net-01234567-tsct0", "mac": "02:00:5e:00:00:01", "group": 7,
      "addresses": ["10.77.0.1/24", "fd77::1/64"], "mtu": 1400, "runDir": "/run/tsct/.net/tsct0-01234567",
      "ruleset": "table inet t {}", "tables": ["inet t"], "service": {"argv": ["/usr/sbin/dnsmasq", "-k"]},
      "records": {"hosts": "10.77.0.5 web\n", "dhcp": ""}}],
    "interfaces": [{
      "name": "eth0", "kind": "bridge", "hostName": "vt01234567", "altName": "tsct-web_01234567-eth0",
      "bridge": "tsct0-01234567", "mac": "02:00:5e:00:00:05", "hostMac": "02:00:5e:00:00:06", "mtu": 1400,
      "addresses": ["10.77.0.5/24", "fd77::5/64"],
      "routes": [{"to": "0.0.0.0/0", "via": "10.77.0.1"}, {"to": "fd78::/32", "via": "fd77::1"}],
      "rules": {"add": "add element inet t s { 1 }", "remove": "delete element inet t s { 1 }"},
      "ports": [{"protocol": "tcp", "host": 8080, "container": 80, "count": 2},
                {"protocol": "udp", "at": "fd77::9", "host": 65535, "container": 1, "count": 1}]}]})");
}

// What the decoder says against it, "" if nothing.
std::string objection(const Json& plan) {
  try {
    decode_network(JsonReader(plan, "network"));
    return "";
  } catch (const SysError& e) {
    return e.target + " " + e.detail;
  }
}

template <class Fn>
void each_object(const Json& node, const std::string& path, Fn&& fn) {
  if (node.is_object()) {
    fn(path);
    for (const auto& [key, value] : node.items()) each_object(value, path + "/" + key, fn);
  }
  if (node.is_array())
    for (size_t i = 0; i < node.size(); i++) each_object(node[i], path + "/" + std::to_string(i), fn);
}

// This process in a network namespace of its own for as long as it lives.
class OwnNetwork {
 public:
  OwnNetwork() : host_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
  }
  ~OwnNetwork() { ::setns(host_.get(), CLONE_NEWNET); }

 private:
  UniqueFd host_;
};

// Somebody else in one, as a container's init is.
class Neighbour {
 public:
  Neighbour() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::unshare(CLONE_NEWNET);
      if (::write(ends[1], "x", 1) == 1) ::pause();
      ::_exit(1);
    }
    ::close(ends[1]);
    char byte;
    REQUIRE(::read(ends[0], &byte, 1) == 1);
    ::close(ends[0]);
    netns_.reset(::open(("/proc/" + std::to_string(pid_) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(netns_);
  }
  ~Neighbour() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  void enter() const { REQUIRE(::setns(netns_.get(), CLONE_NEWNET) == 0); }
  int netns() const { return netns_.get(); }

 private:
  pid_t pid_;
  UniqueFd netns_;
};

// `flags` of /proc/net/if_inet6 for one address, -1 when it is not there.
int ipv6_flags(const std::string& address, const std::string& name) {
  std::istringstream lines(read_file(AT_FDCWD, "/proc/thread-self/net/if_inet6", "test"));
  std::string text, link;
  int index, length, scope, flags;
  while (lines >> text >> std::hex >> index >> length >> scope >> flags >> link)
    if (text == address && link == name) return flags;
  return -1;
}

std::string route_table() {
  return read_file(AT_FDCWD, "/proc/thread-self/net/route", "test");
}

constexpr int kTentative = 0x40;  // IFA_F_TENTATIVE

}  // namespace

TEST_CASE("a network is decoded, field by field") {
  Json json = example();
  NetworkPlan plan = decode_network(JsonReader(json, "network"));
  REQUIRE(plan.networks.size() == 1);
  REQUIRE(plan.interfaces.size() == 1);
  CHECK(plan.networks[0].addresses[1].length == 64);
  CHECK(plan.networks[0].service.size() == 2);
  CHECK(plan.interfaces[0].mac == Mac{2, 0, 0x5e, 0, 0, 5});
  CHECK(plan.interfaces[0].routes[0].to.length == 0);
  CHECK(plan.interfaces[0].routes[1].via->family == AF_INET6);
  REQUIRE(plan.interfaces[0].ports.size() == 2);
  CHECK(plan.interfaces[0].ports[0].protocol == IPPROTO_TCP);
  CHECK(!plan.interfaces[0].ports[0].at);
  CHECK(plan.interfaces[0].ports[1].at->family == AF_INET6);
}

TEST_CASE("what a network has too much or too little of is refused with its path") {
  const std::set<std::string> kOptional = {"mtu", "service", "hostMac", "rules", "ports", "at", "via"};
  const Json whole = example();
  each_object(whole, "", [&](const std::string& path) {
    CAPTURE(path);
    Json more = example();
    more[Pointer(path + "/unheard")] = 1;
    CHECK(objection(more).find("unheard") != std::string::npos);
    for (const auto& [key, unused] : whole[Pointer(path)].items()) {
      Json less = example();
      less[Pointer(path)].erase(key);
      CAPTURE(key);
      CHECK((objection(less) == "") == kOptional.contains(key));
    }
  });
}

TEST_CASE("a value that the kernel would not take is refused before anything is made") {
  const std::pair<std::string, Json> kBad[] = {
      {"/networks/0/bridge", "sixteen-bytes-xx"},
      {"/networks/0/bridge", ""},
      {"/networks/0/bridge", "a b"},
      {"/networks/0/mac", "02:00:5e:00:00"},
      {"/networks/0/mac", "03:00:5e:00:00:01"},
      {"/networks/0/mac", "02:00:5e:00:00:0g"},
      {"/networks/0/addresses/0", "10.77.0.1"},
      {"/networks/0/addresses/0", "10.77.0.1/33"},
      {"/networks/0/addresses/1", "fd77::g/64"},
      {"/networks/0/runDir", "/etc"},
      {"/networks/0/runDir", "/run/tsct/.net/../x"},
      {"/networks/0/service/argv/0", "dnsmasq"},
      {"/networks/0/mtu", 67},
      {"/interfaces/0/name", "lo"},
      {"/interfaces/0/kind", "wire"},
      {"/interfaces/0/hostName", ".."},
      {"/interfaces/0/altName", std::string(128, 'x')},
      {"/interfaces/0/mac", "00:00:00:00:00:00"},
      {"/interfaces/0/routes/0/via", "fd77::1"},
      {"/interfaces/0/routes/0/to", "0.0.0.0"},
      {"/interfaces/0/ports/0/protocol", "sctp"},
      {"/interfaces/0/ports/0/host", 65535},
      {"/interfaces/0/ports/0/host", 0},
      {"/interfaces/0/ports/0/count", 0},
      {"/interfaces/0/ports/1/at", "localhost"},
  };
  CHECK(objection(example()) == "");
  for (const auto& [path, value] : kBad) {
    CAPTURE(path);
    CAPTURE(value);
    Json changed = example();
    changed[Pointer(path)] = value;
    CHECK(objection(changed) != "");
  }
  Json twice = example();
  twice["interfaces"].push_back(twice["interfaces"][0]);
  CHECK(objection(twice).find("is there twice") != std::string::npos);
}

TEST_CASE("a link-local address is made of the MAC as RFC 4291 has it") {
  IpPrefix prefix = link_local({0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde});
  const std::array<uint8_t, 16> kExpected = {0xfe, 0x80, 0,    0,    0,    0,    0,    0,
                                             0x36, 0x56, 0x78, 0xff, 0xfe, 0x9a, 0xbc, 0xde};
  CHECK(prefix.address.bytes == kExpected);
}

TEST_CASE("the kernel makes of the messages what the plan says, and says what it refuses") {
  Json json = example();
  NetworkPlan plan = decode_network(JsonReader(json, "network"));
  const NetworkUse& network = plan.networks[0];
  const InterfacePlan& interface = plan.interfaces[0];
  OwnNetwork own;
  Neighbour neighbour;
  NetlinkSocket netlink;
  CHECK_FALSE(find_link(netlink, network.bridge));

  netlink.run({new_bridge_request(network)});
  netlink.run(bridge_requests(network));
  netlink.run(bridge_requests(network));  // as often as one likes
  std::optional<Link> bridge = find_link(netlink, network.alt_name);
  REQUIRE(bridge);
  CHECK(bridge->name == network.bridge);
  CHECK(bridge->kind == "bridge");
  CHECK(bridge->mac == network.mac);
  CHECK(bridge->alias == network.alt_name);
  CHECK(bridge->is_called(network.alt_name));
  CHECK_FALSE(bridge->is_called("tsct-net-other"));
  CHECK((bridge->flags & IFF_UP) != 0);
  netlink.run(bridge_address_requests(network, bridge->index));
  netlink.run(bridge_address_requests(network, bridge->index));  // as often as one likes
  CHECK(ports_of(netlink, *bridge).empty());
  CHECK((ipv6_flags("fd770000000000000000000000000001", network.bridge) & kTentative) == 0);
  CHECK((ipv6_flags("fe8000000000000000005efffe000001", network.bridge) & kTentative) == 0);
  try {
    netlink.run({new_bridge_request(network)});
    FAIL("made twice");
  } catch (const SysError& e) {
    CHECK(e.err == EEXIST);
    CHECK(e.step == "make bridge");
    CHECK(e.call == "RTM_NEWLINK");
    CHECK(e.target == network.bridge);
  }

  netlink.run({new_veth_request(interface, neighbour.netns())});
  netlink.run(veth_requests(interface, *bridge));
  std::vector<Link> ports = ports_of(netlink, *bridge);
  REQUIRE(ports.size() == 1);
  CHECK(ports[0].name == interface.host_name);
  CHECK(ports[0].is_called(interface.alt_name));
  CHECK(find_link(netlink, interface.alt_name)->index == ports[0].index);
  CHECK(ports[0].mac == *interface.host_mac);

  {
    UniqueFd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    neighbour.enter();
    NetlinkSocket inside;
    std::optional<Link> link = find_link(inside, "eth0");
    REQUIRE(link);
    inside.run(inside_requests(interface, link->index));
    CHECK((ipv6_flags("fd770000000000000000000000000005", "eth0") & kTentative) == 0);
    CHECK((ipv6_flags("fe8000000000000000005efffe000005", "eth0") & kTentative) == 0);
    CHECK(route_table().find("eth0\t00000000\t01004D0A") != std::string::npos);
    InterfacePlan wrong = interface;
    wrong.routes[0].via = decode_network(JsonReader(json, "network")).interfaces[0].routes[0].via;
    wrong.routes[0].via->bytes[0] = 192;  // nobody's neighbour
    try {
      inside.run({inside_requests(wrong, link->index).at(4)});
      FAIL("a gateway out of reach was taken");
    } catch (const SysError& e) {
      CHECK(e.err == ENETUNREACH);
      CHECK(e.step == "add route");
      CHECK(e.detail != "");  // the kernel's own words
    }
    ::setns(here.get(), CLONE_NEWNET);
  }

  // The kernel gives the host's end no address of its own, now that it has a carrier: only the bridge has
  // any.
  ::usleep(200'000);
  std::string all = read_file(AT_FDCWD, "/proc/thread-self/net/if_inet6", "test");
  CHECK(all.find(network.bridge) != std::string::npos);
  CHECK(all.find(interface.host_name) == std::string::npos);

  netlink.run({delete_request(ports[0])});
  InterfacePlan any = interface;
  any.host_mac.reset();
  netlink.run({new_veth_request(any, neighbour.netns())});
  Link link = find_link(netlink, any.host_name).value();
  CHECK(link.mac ==
        Mac{0xfe, 0, 0x5e, 0, 0, 5});  // above every other, so that no bridge takes it for its own
  netlink.run({delete_request(link)});
  CHECK_FALSE(find_link(netlink, interface.host_name));
  CHECK_NOTHROW(netlink.run({delete_request(ports[0])}));  // gone is gone
}
