#pragma once
// What tsct-setup hands to tsct-ports as its fd 0, which stays open: this head and its entries, in memory
// that both see. Descriptors are open in that process under the numbers said here. An entry keeps its place
// for as long as its port is published.
//
// Another table comes over the socket `control` (SOCK_SEQPACKET), whose far end tsct-ports keeps for whoever
// is root to fetch (pidfd_getfd(2)):
//
//   setup                          tsct-ports
//     |--- kTable {memory} ----------->|   entries with `socket` kNewSocket wait for theirs
//     |--- kSockets {up to 16} ------->|   in the order of those; repeated
//     |--- kDone --------------------->|   from here on it counts
//     |<-- errno ----------------------|   0: done; else all is as it was
#include <cstdint>

namespace tsct {

constexpr int32_t kNewSocket = -2;

struct PortEntry {
  int32_t socket;         // bound; TCP: listening
  uint8_t protocol;       // IPPROTO_TCP, IPPROTO_UDP; 0: a free place
  uint8_t family;         // of the socket: AF_INET, AF_INET6
  uint8_t target_family;  // the container's address
  uint8_t unused;
  uint8_t at[16];      // what it is bound to, and
  uint8_t target[16];  // where it leads, in network order; IPv4: the first four
  uint16_t at_port;    // in host order
  uint16_t target_port;
};

struct PortHead {
  int32_t life;          // pidfd of the supervisor
  int32_t lock;          // of ports.lock: open until the end
  int32_t control, far;  // both ends
  uint32_t user;         // to become, user and group
  uint32_t count;
};

struct PortTable : PortHead {
  PortEntry entries[];
};

enum class PortMessage : uint32_t { kTable = 1, kSockets = 2, kDone = 3 };

struct PortHeader {
  PortMessage type;
  uint32_t count;  // of descriptors that come with it
};

}  // namespace tsct
