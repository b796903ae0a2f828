#include "addon/ask_all.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sys/unique_fd.h"

namespace tsct {
namespace {

// How many are open at once.
constexpr size_t kAtOnce = 256;

int64_t now_ms() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// The line is shorter than any socket's buffer: it is sent whole or not at all.
UniqueFd ask(const std::string& socket, const std::string& line) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) return {};
  memcpy(address.sun_path, socket.c_str(), socket.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return {};
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) return {};
  if (::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return {};
  return fd;
}

// Reads to the end of what is said; false: not by then.
bool hear(int fd, std::string& text, int64_t until_ms) {
  char part[4096];
  for (;;) {
    ssize_t n = ::recv(fd, part, sizeof part, 0);
    if (n == 0) return true;
    if (n > 0) {
      text.append(part, static_cast<size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return false;
    pollfd wait{fd, POLLIN, 0};
    const int64_t left = until_ms - now_ms();
    if (left <= 0 || (::poll(&wait, 1, static_cast<int>(left)) < 0 && errno != EINTR)) return false;
  }
}

}  // namespace

std::vector<std::string> ask_all(const std::vector<std::string>& sockets, const std::string& line,
                                 int wait_ms) {
  std::vector<std::string> answers(sockets.size());
  const int64_t until_ms = now_ms() + wait_ms;
  for (size_t from = 0; from < sockets.size(); from += kAtOnce) {
    const size_t to = std::min(from + kAtOnce, sockets.size());
    std::vector<UniqueFd> asked;
    for (size_t i = from; i < to; i++) asked.push_back(ask(sockets[i], line));
    for (size_t i = from; i < to; i++) {
      const int fd = asked[i - from].get();
      if (fd < 0 || !hear(fd, answers[i], until_ms)) answers[i].clear();
    }
  }
  return answers;
}

}  // namespace tsct
