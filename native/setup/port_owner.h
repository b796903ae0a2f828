#pragma once
#include <string>

#include "setup/network_plan.h"

namespace tsct {

// Which process has a port that could not be bound, in words; "" when it cannot be found (its namespace is
// another, or it is gone again). `address`: all zero for all.
std::string port_owner(int protocol, const IpAddress& address, uint16_t port);

}  // namespace tsct
