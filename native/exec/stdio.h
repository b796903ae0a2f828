#pragma once
#include <array>
#include <optional>

#include "sys/unique_fd.h"

namespace tsct {

// How each of the command's streams 0-2 is connected.
enum class Route {
  kPass,   // the caller's own pipe, file or socket, untouched: neither owner nor mode nor flags change
  kTty,    // the pty inside
  kRelay,  // a pipe of ours. The caller's terminal itself never gets in: a process left behind by the guest
           // could go on reading what the admin types there later
  kAsStdout,  // the same as stream 1, so that the order between both is kept
};

struct StdioRoutes {
  bool tty = false;
  std::array<Route, 3> streams{};
};

// `wanted`: --tty or --no-tty; absent: a terminal when stdin and stdout are terminals. A stderr that was led
// elsewhere stays apart from a terminal that nobody asked for by name.
StdioRoutes choose_routes(std::optional<bool> wanted);

// Opens /dev/null for streams that the caller has closed, or the next fd opened would become one.
void fill_closed_streams();

// The outer ends of the pipes for kRelay streams, by stream; the inner ends are put on the streams. Called
// inside by the command's user: the pipes belong to him, and he can open /dev/stderr. Throws SysError.
std::array<UniqueFd, 3> open_relays(const StdioRoutes& routes);

}  // namespace tsct
