// Devices of the host that come and go while a container runs: those that Device= calls optional.
//
//   the kernel tells of a device ──► tsct-setup renew-devices, which looks what is there now and makes it so
//                                         │ ends ──► again, if more was told meanwhile
//
// What is told only says when to look, so that nothing is lost with a message.
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"

namespace tsct {
namespace {

// The kernel's own words are in group 1. Group 2 has udev's, which come when its links (/dev/disk/by-id) are
// there.
constexpr uint32_t kGroups = 1 | 2;
constexpr size_t kMessageBytes = 4096;  // the kernel says no more than 2048 and a path (UEVENT_BUFFER_SIZE)

void look(Supervisor& s) {
  s.devices_changed = s.devices_setup_pid != 0;
  if (s.state != State::kRunning || s.devices_setup_pid) return;
  int log = open_log(s);
  pid_t pid = spawn_setup(s, "renew-devices", s.devices, log);
  s.devices_setup_pid = pid > 0 ? pid : 0;
  if (log >= 0) close(log);
}

bool listen_to_host(Supervisor& s) {
  if (s.host_devices >= 0) return true;
  s.host_devices = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kGroups;
  if (bind(s.host_devices, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) return false;
  watch(s, s.host_devices, EPOLLIN, kTagHostDevices);
  return true;
}

}  // namespace

void watch_host_devices(Supervisor& s) {
  if (!s.has_optional_devices) return forget_host_devices(s);
  if (s.state != State::kRunning) return;
  if (!listen_to_host(s)) {
    Line line;
    line.add("devices that come later are not seen: NETLINK_KOBJECT_UEVENT: errno ").number(errno);
    log_line(s, line.c_str());
    forget_host_devices(s);
  }
  look(s);  // one may have come since it was looked for
}

void on_host_device(Supervisor& s) {
  if (s.host_devices < 0) return;
  char message[kMessageBytes];
  bool is_told = false;
  for (;;) {
    ssize_t n = recv(s.host_devices, message, sizeof message, MSG_DONTWAIT);
    if (n < 0 && errno == ENOBUFS) {
      is_told = true;  // more than there was room for
      continue;
    }
    if (n < 0) break;
    // Links, queues and the like have no node.
    constexpr char kName[] = "DEVNAME=";
    if (memmem(message, static_cast<size_t>(n), kName, sizeof kName - 1)) is_told = true;
  }
  if (is_told) look(s);
}

void on_devices_setup_end(Supervisor& s) {
  s.devices_setup_pid = 0;
  if (s.devices_changed) look(s);
}

void forget_host_devices(Supervisor& s) {
  if (s.host_devices >= 0) close(s.host_devices);
  s.host_devices = -1;
  s.devices_changed = false;
}

}  // namespace tsct
