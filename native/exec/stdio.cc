#include "exec/stdio.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/error.h"

namespace tsct {

namespace {

bool is_same_file(int a, int b) {
  struct stat sa, sb;
  return ::fstat(a, &sa) == 0 && ::fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

}  // namespace

StdioRoutes choose_routes(std::optional<bool> wanted) {
  StdioRoutes routes;
  routes.tty = wanted.value_or(isatty(0) && isatty(1));
  if (routes.tty) {
    bool with_stderr = wanted.has_value() || isatty(2);
    routes.streams = {Route::kTty, Route::kTty, with_stderr ? Route::kTty : Route::kPass};
    return routes;
  }
  for (int stream = 0; stream < 3; stream++)
    routes.streams[static_cast<size_t>(stream)] = isatty(stream) ? Route::kRelay : Route::kPass;
  if (isatty(1) && isatty(2) && is_same_file(1, 2)) routes.streams[2] = Route::kAsStdout;
  return routes;
}

void fill_closed_streams() {
  for (int stream = 0; stream < 3; stream++) {
    if (fcntl(stream, F_GETFD) >= 0) continue;
    // The lowest free number is the one that is missing.
    check(::open("/dev/null", stream == 0 ? O_RDONLY : O_WRONLY), "open", "open", "/dev/null");
  }
}

std::array<UniqueFd, 3> open_relays(const StdioRoutes& routes) {
  const char* step = "connect the command's streams";
  std::array<UniqueFd, 3> outer;
  for (int stream = 0; stream < 3; stream++) {
    Route route = routes.streams[static_cast<size_t>(stream)];
    if (route == Route::kAsStdout) check(::dup2(1, stream), step, "dup2");
    if (route != Route::kRelay) continue;
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), step, "pipe2");
    UniqueFd inner(ends[stream == 0 ? 0 : 1]);
    outer[static_cast<size_t>(stream)].reset(ends[stream == 0 ? 1 : 0]);
    check(::dup2(inner.get(), stream), step, "dup2");
  }
  return outer;
}

}  // namespace tsct
