#include "setup/port_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "setup/port_owner.h"
#include "sys/error.h"

namespace tsct {
namespace {

constexpr const char* kStep = "bind port";
constexpr int kBacklog = 4096;  // the kernel takes no more than net.core.somaxconn
constexpr size_t kOtherFiles = 64;

IpAddress all_of(int family) {
  IpAddress any;
  any.family = family;
  any.text = family == AF_INET ? "0.0.0.0" : "::";
  return any;
}

// Of its kind if there is one.
const IpAddress& target_of(const InterfacePlan& interface, int family) {
  for (const auto& prefix : interface.addresses)
    if (prefix.address.family == family) return prefix.address;
  return interface.addresses.at(0).address;
}

[[noreturn]] void refuse_port(const char* call, int protocol, const IpAddress& at, uint16_t port) {
  SysError e;
  e.step = kStep;
  e.call = call;
  e.err = errno;
  std::string host = at.family == AF_INET ? at.text : "[" + at.text + "]";
  e.target = (protocol == IPPROTO_TCP ? "tcp " : "udp ") + host + ":" + std::to_string(port);
  if (e.err == EADDRINUSE) e.detail = port_owner(protocol, at, port);
  throw e;
}

IpAddress address_of(const PortEntry& entry) {
  IpAddress at;
  at.family = entry.family;
  memcpy(at.bytes.data(), entry.at, sizeof entry.at);
  char text[INET6_ADDRSTRLEN];
  at.text = ::inet_ntop(at.family, at.bytes.data(), text, sizeof text);
  return at;
}

int bind_to(int fd, const IpAddress& at, uint16_t port) {
  if (at.family == AF_INET) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    memcpy(&address.sin_addr, at.bytes.data(), sizeof address.sin_addr);
    return ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  memcpy(&address.sin6_addr, at.bytes.data(), sizeof address.sin6_addr);
  return ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

void list_range(const InterfacePlan& interface, const PublishedPorts& ports, const IpAddress& at,
                std::vector<PortEntry>& out) {
  const IpAddress& target = target_of(interface, at.family);
  for (uint32_t n = 0; n < ports.count; n++) {
    PortEntry entry{};
    entry.socket = kNewSocket;
    entry.protocol = static_cast<uint8_t>(ports.protocol);
    entry.family = static_cast<uint8_t>(at.family);
    entry.target_family = static_cast<uint8_t>(target.family);
    memcpy(entry.at, at.bytes.data(), sizeof entry.at);
    memcpy(entry.target, target.bytes.data(), sizeof entry.target);
    entry.at_port = static_cast<uint16_t>(ports.host + n);
    entry.target_port = static_cast<uint16_t>(ports.container + n);
    out.push_back(entry);
  }
}

}  // namespace

MoreFiles::MoreFiles(size_t wanted) {
  wanted += kOtherFiles;
  check(::getrlimit(RLIMIT_NOFILE, &before_), kStep, "getrlimit");
  if (before_.rlim_cur >= wanted) return;
  rlimit more{wanted, std::max<rlim_t>(before_.rlim_max, wanted)};
  check(::setrlimit(RLIMIT_NOFILE, &more), kStep, "setrlimit", std::to_string(wanted) + " open files");
  changed_ = true;
}

MoreFiles::~MoreFiles() {
  if (changed_) ::setrlimit(RLIMIT_NOFILE, &before_);
}

std::vector<PortEntry> published_ports(const NetworkPlan& network) {
  std::vector<PortEntry> out;
  for (const auto& interface : network.interfaces)
    for (const auto& ports : interface.ports) {
      if (ports.at) {
        list_range(interface, ports, *ports.at, out);
      } else {
        for (int family : {AF_INET, AF_INET6}) list_range(interface, ports, all_of(family), out);
      }
    }
  return out;
}

UniqueFd bind_port(const PortEntry& entry) {
  IpAddress at = address_of(entry);
  bool all = at.bytes == std::array<uint8_t, 16>{};
  int type = entry.protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
  UniqueFd fd(::socket(at.family, type | SOCK_CLOEXEC, 0));
  if (!fd && errno == EAFNOSUPPORT && all) return fd;
  if (!fd) refuse_port("socket", entry.protocol, at, entry.at_port);
  int yes = 1;
  // Connections of the last run may still be in TIME_WAIT. With UDP it would let two have the port.
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (at.family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  if (bind_to(fd.get(), at, entry.at_port) < 0) refuse_port("bind", entry.protocol, at, entry.at_port);
  if (type == SOCK_STREAM && ::listen(fd.get(), kBacklog) < 0)
    refuse_port("listen", entry.protocol, at, entry.at_port);
  return fd;
}

}  // namespace tsct
