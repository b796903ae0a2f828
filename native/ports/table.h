#pragma once
// What tsct-setup hands to tsct-ports as its fd 0: this head and its entries, in memory. Descriptors are open
// in the new process under the numbers said here.
#include <cstdint>

namespace tsct {

struct PortEntry {
  int32_t socket;         // bound; TCP: listening
  uint8_t protocol;       // IPPROTO_TCP, IPPROTO_UDP
  uint8_t family;         // of the socket: AF_INET, AF_INET6
  uint8_t target_family;  // the container's address
  uint8_t unused;
  uint8_t target[16];    // in network order; IPv4: the first four
  uint16_t target_port;  // in host order
  uint16_t unused2;
};

struct PortTable {
  int32_t life;   // read end of a pipe that the supervisor holds open
  int32_t lock;   // of ports.lock: open until the end
  uint32_t user;  // to become, user and group
  uint32_t count;
  PortEntry entries[];
};

}  // namespace tsct
