#pragma once
// tsct-setup's end of the hand-over to the supervisor (supervisor/handshake.h draws it).
#include <string>

#include "setup/cgroup.h"
#include "setup/plan.h"
#include "supervisor/handshake.h"
#include "sys/error.h"

namespace tsct {

class SupervisorLink {
 public:
  explicit SupervisorLink(int fd) : fd_(fd) {}

  void settings(const LaunchPlan& plan, const Cgroups& cgroups, const std::string& seccomp_path) const;
  void hold(int fd) const { send(SetupMessage::kHold, 0, fd); }
  void notify_socket(int fd) const { send(SetupMessage::kNotify, 0, fd); }
  void devices(int fd) const { send(SetupMessage::kDevices, 0, fd); }
  void view(int fd) const { send(SetupMessage::kView, 0, fd); }
  void share(int fd) const { send(SetupMessage::kShare, 0, fd); }
  void init(pid_t pid, int pidfd) const { send(SetupMessage::kInit, pid, pidfd); }
  void console(int master) const;
  void started() const { send(SetupMessage::kStarted, 0, -1); }
  void failed(const SysError& error) const;

 private:
  void send(SetupMessage type, int32_t number, int fd, const std::string& text = {}) const;
  // Waits for kAck; false when the supervisor refused (it has its own reason to report).
  bool acknowledged() const;

  int fd_;
};

}  // namespace tsct
