#include "setup/port_sockets.h"

#include <netinet/in.h>
#include <sys/resource.h>
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
constexpr rlim_t kOtherFiles = 64;

// A range of ports is two sockets for each; what init gets is not to depend on it.
class MoreFiles {
 public:
  explicit MoreFiles(rlim_t wanted) {
    check(::getrlimit(RLIMIT_NOFILE, &before_), kStep, "getrlimit");
    if (before_.rlim_cur >= wanted) return;
    rlimit more{wanted, std::max(before_.rlim_max, wanted)};
    check(::setrlimit(RLIMIT_NOFILE, &more), kStep, "setrlimit", std::to_string(wanted) + " open files");
    changed_ = true;
  }
  ~MoreFiles() {
    if (changed_) ::setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  bool changed_ = false;
};

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

// None on a host without this version of IP, if all addresses were meant.
UniqueFd bind_port(int protocol, const IpAddress& at, bool all, uint16_t port) {
  int type = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
  UniqueFd fd(::socket(at.family, type | SOCK_CLOEXEC, 0));
  if (!fd && errno == EAFNOSUPPORT && all) return fd;
  if (!fd) refuse_port("socket", protocol, at, port);
  int yes = 1;
  // Connections of the last run may still be in TIME_WAIT. With UDP it would let two have the port.
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (at.family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  if (bind_to(fd.get(), at, port) < 0) refuse_port("bind", protocol, at, port);
  if (type == SOCK_STREAM && ::listen(fd.get(), kBacklog) < 0) refuse_port("listen", protocol, at, port);
  return fd;
}

void bind_range(const InterfacePlan& interface, const PublishedPorts& ports, const IpAddress& at,
                BoundPorts& out) {
  const IpAddress& target = target_of(interface, at.family);
  for (uint32_t n = 0; n < ports.count; n++) {
    UniqueFd fd = bind_port(ports.protocol, at, !ports.at, static_cast<uint16_t>(ports.host + n));
    if (!fd) return;
    PortEntry entry{};
    entry.socket = fd.get();
    entry.protocol = static_cast<uint8_t>(ports.protocol);
    entry.family = static_cast<uint8_t>(at.family);
    entry.target_family = static_cast<uint8_t>(target.family);
    memcpy(entry.target, target.bytes.data(), sizeof entry.target);
    entry.target_port = static_cast<uint16_t>(ports.container + n);
    out.sockets.push_back(std::move(fd));
    out.entries.push_back(entry);
  }
}

}  // namespace

BoundPorts bind_ports(const NetworkPlan& network) {
  BoundPorts out;
  rlim_t count = 0;
  for (const auto& interface : network.interfaces)
    for (const auto& ports : interface.ports) count += 2 * ports.count;
  MoreFiles files(count + kOtherFiles);
  for (const auto& interface : network.interfaces)
    for (const auto& ports : interface.ports) {
      if (ports.at) {
        bind_range(interface, ports, *ports.at, out);
      } else {
        for (int family : {AF_INET, AF_INET6}) bind_range(interface, ports, all_of(family), out);
      }
    }
  return out;
}

}  // namespace tsct
