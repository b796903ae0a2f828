#pragma once
// tsct-ports: fixed memory, one thread, one epoll loop.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "ports/table.h"

namespace tsct {

union Address {
  sockaddr any;
  sockaddr_in in;
  sockaddr_in6 in6;
};

inline socklen_t size_of(const Address& a) {
  return a.any.sa_family == AF_INET ? sizeof a.in : sizeof a.in6;
}

// Whose descriptor an event is of; its number is the other half of epoll_data.
enum class Tag : uint32_t { kLife, kControl, kListeners, kClient, kGuest, kUdpPort, kUdpSession };

// Linux takes and gives at most this of a datagram, and it is a good size for streams.
constexpr int kBufferBytes = 65536;
constexpr int kRelaysMax = 1024;    // of streams
constexpr int kSessionsMax = 1024;  // of datagrams

extern char buffer[kBufferBytes];
extern PortTable* table;

// main.cc
void watch(int fd, uint32_t events, Tag tag, uint32_t number);
// Not again, even if another process has the same socket open.
void unwatch(int fd);
const PortEntry& port(uint32_t number);
int64_t now_ms();
// The container's end of a port: a new socket, not blocking, and where it has to go. -1 with errno.
int target_socket(const PortEntry& entry, int type, Address& target);

// Begins to serve a port; ends that, and unbinds it.
void open_port(uint32_t number);
void close_port(uint32_t number);

// update.cc
// nullptr: it is none.
PortTable* map_table(int memory);
void on_control();

// locality.cc
void open_locality();
// Whether it is an address of this host: whoever has another one came from outside.
bool is_local(const Address& peer);

// streams.cc
void listen_on(uint32_t number);
// Those that are connected stay so.
void stop_listening(uint32_t number);
void open_listeners();
void on_listeners();
void on_relay(uint32_t number, uint32_t events);
// Goes on with those that were stopped to let others have their turn; false when there are none.
bool run_waiting();

// datagrams.cc
void open_udp_port(uint32_t number);
void on_udp_port(uint32_t number);
void end_sessions_of(uint32_t port_number);
void on_udp_session(uint32_t number);
// Ends idle ones. Milliseconds until the next, -1 for never.
int end_idle_sessions();

}  // namespace tsct
