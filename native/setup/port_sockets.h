#pragma once
// Sockets of published ports, bound for tsct-ports.
#include <sys/resource.h>

#include <vector>

#include "ports/table.h"
#include "setup/network_plan.h"
#include "sys/unique_fd.h"

namespace tsct {

// One entry for each port, without a socket. What is published on all addresses is there for IPv4 and IPv6.
std::vector<PortEntry> published_ports(const NetworkPlan& network);

// Throws SysError, for a port that is taken with who has it. Empty on a host without this version of IP, if
// all addresses are meant.
UniqueFd bind_port(const PortEntry& entry);

// Lets this process have that many files open besides its own: a range of ports is two sockets for each, and
// what init gets is not to depend on it.
class MoreFiles {
 public:
  explicit MoreFiles(size_t wanted);
  ~MoreFiles();
  MoreFiles(const MoreFiles&) = delete;
  MoreFiles& operator=(const MoreFiles&) = delete;

 private:
  rlimit before_{};
  bool changed_ = false;
};

}  // namespace tsct
