#pragma once
#include <vector>

#include "ports/table.h"
#include "setup/network_plan.h"
#include "sys/unique_fd.h"

namespace tsct {

struct BoundPorts {
  std::vector<UniqueFd> sockets;
  std::vector<PortEntry> entries;  // one for each socket
};

// Binds all that is published, to IPv4 and IPv6 of the host, and listens. Throws SysError of the step
// "bind port" which tells the port and, if it is taken, by whom.
BoundPorts bind_ports(const NetworkPlan& network);

}  // namespace tsct
