#include "setup/port_owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <sstream>

#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kStep = "find who has a port";
constexpr unsigned kListening = 10;  // TCP_LISTEN of <net/tcp_states.h>

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

struct Bound {
  std::array<uint8_t, 16> address = {};
  size_t size = 0;
  unsigned port = 0, state = 0;
  unsigned long inode = 0;
};

// A line of /proc/net/{tcp,udp}{,6}: the address in words of the machine's byte order.
bool parse(const std::string& line, Bound& b) {
  char address[33];
  if (sscanf(line.c_str(), " %*d: %32[0-9A-F]:%x %*s %x %*s %*s %*s %*s %*s %lu", address, &b.port, &b.state,
             &b.inode) != 4)
    return false;
  b.size = strlen(address) / 2;
  for (size_t word = 0; word < b.size / 4; word++) {
    char digits[9] = {};
    memcpy(digits, address + word * 8, 8);
    auto value = static_cast<uint32_t>(strtoul(digits, nullptr, 16));
    memcpy(b.address.data() + word * 4, &value, 4);
  }
  return true;
}

bool all_zero(const std::array<uint8_t, 16>& bytes) {
  return bytes == std::array<uint8_t, 16>{};
}

// One for all addresses of IPv6 may have those of IPv4 with it.
bool overlap(const Bound& bound, const IpAddress& wanted) {
  if (bound.size != wanted.size()) return bound.size == 16 && all_zero(bound.address);
  return all_zero(bound.address) || all_zero(wanted.bytes) || bound.address == wanted.bytes;
}

std::set<std::string> sockets_at(int protocol, const IpAddress& address, uint16_t port) {
  std::set<std::string> found;
  for (const char* family : {"", "6"}) {
    std::string path = std::string("/proc/net/") + (protocol == IPPROTO_TCP ? "tcp" : "udp") + family;
    if (::access(path.c_str(), R_OK) < 0) continue;
    std::istringstream lines(read_file(AT_FDCWD, path, kStep));
    for (std::string line; std::getline(lines, line);) {
      Bound bound;
      if (!parse(line, bound) || bound.port != port || !overlap(bound, address)) continue;
      if (protocol == IPPROTO_TCP && bound.state != kListening) continue;
      found.insert("socket:[" + std::to_string(bound.inode) + "]");
    }
  }
  return found;
}

bool has_one_of(const std::string& pid, const std::set<std::string>& sockets) {
  Directory fds(::opendir(("/proc/" + pid + "/fd").c_str()), ::closedir);
  while (dirent* entry = fds ? ::readdir(fds.get()) : nullptr) {
    char target[64];
    ssize_t n = ::readlinkat(::dirfd(fds.get()), entry->d_name, target, sizeof target);
    if (n > 0 && sockets.contains(std::string(target, static_cast<size_t>(n)))) return true;
  }
  return false;
}

// Of one of ours with the key of the container.
std::string describe(const std::string& pid) {
  std::string name = read_file(AT_FDCWD, "/proc/" + pid + "/comm", kStep);
  name = name.substr(0, name.find('\n'));
  if (name == "tsct-ports") {
    std::string words = read_file(AT_FDCWD, "/proc/" + pid + "/cmdline", kStep);
    if (size_t at = words.find('\0'); at != std::string::npos)
      name += std::string(" of ") + (words.c_str() + at + 1);
  }
  return name + " (pid " + pid + ") has it";
}

}  // namespace

std::string port_owner(int protocol, const IpAddress& address, uint16_t port) {
  try {
    std::set<std::string> sockets = sockets_at(protocol, address, port);
    if (sockets.empty()) return "";
    Directory proc(::opendir("/proc"), ::closedir);
    while (dirent* entry = proc ? ::readdir(proc.get()) : nullptr) {
      std::string pid = entry->d_name;
      if (pid.find_first_not_of("0123456789") != std::string::npos || !has_one_of(pid, sockets)) continue;
      if (pid == std::to_string(::getpid())) return "the container publishes it twice";
      return describe(pid);
    }
  } catch (const SysError&) {
    // It went away while it was looked at.
  }
  return "";
}

}  // namespace tsct
