#include "setup/supervisor_link.h"

#include "setup/channel.h"
#include "sys/socket.h"

namespace tsct {

void SupervisorLink::send(SetupMessage type, int32_t number, int fd, const std::string& text) const {
  SetupHeader header{type, number};
  std::string data(reinterpret_cast<const char*>(&header), sizeof header);
  data += text;
  check(send_message(fd_, data.data(), data.size(), &fd, fd >= 0 ? 1 : 0), "tell supervisor", "sendmsg");
}

bool SupervisorLink::acknowledged() const {
  SetupHeader header{};
  int none;
  ssize_t n = check(receive_message(fd_, &header, sizeof header, &none, 0), "hear supervisor", "recvmsg");
  return n == static_cast<ssize_t>(sizeof header) && header.type == SetupMessage::kAck;
}

void SupervisorLink::settings(const LaunchPlan& plan, const Cgroups& cgroups,
                              const std::string& seccomp_path) const {
  std::string text;
  auto put = [&](const char* key, const std::string& value) {
    text += key;
    text += '=';
    text += value;
    text += '\0';
  };
  bool systemd = plan.cgroup.driver == CgroupPlan::Driver::kSystemd;
  put("name", plan.name);
  put("uuid", plan.uuid);
  put("run_dir", plan.run_dir);
  put("container_dir", plan.container_dir);
  put("payload", cgroups.payload());
  put("supervisor_cgroup", systemd ? "" : cgroups.supervisor());
  put("unified", plan.cgroup.unified_mount);
  for (const auto& group : cgroups.v1()) put("v1", group);
  put("seccomp", seccomp_path);
  for (const auto& variable : plan.env)
    if (variable.starts_with("container=")) put("container", variable.substr(10));
  put("id_base", std::to_string(plan.root_uid()));
  put("halt_signal", std::to_string(plan.halt_signal));
  put("reboot_signal", std::to_string(plan.reboot_signal));
  put("readiness_notify", plan.readiness_notify ? "1" : "0");
  put("console_log_bytes_max", std::to_string(plan.console_log_bytes_max));
  put("restart_policy", plan.restart.policy);
  put("restart_delay_ms", std::to_string(plan.restart.delay_ms));
  put("restart_burst", std::to_string(plan.restart.limit_burst));
  put("restart_interval_ms", std::to_string(plan.restart.limit_interval_ms));
  std::string memory = cgroups.v1_of("memory");
  put("memory_group", memory.empty() ? cgroups.payload() : memory);
  put("memory_v1", memory.empty() ? "0" : "1");
  std::string cpu = cgroups.v1_of("cpu");
  put("cpu_group", cpu.empty() ? cgroups.payload() : cpu);
  put("cpu_v1", cpu.empty() ? "0" : "1");
  std::string pids = cgroups.v1_of("pids");
  put("pids_group", pids.empty() ? cgroups.payload() : pids);
  put("oom_policy", plan.oom.policy);
  put("oom_hook", plan.oom.hook);
  put("oom_raise_percent", std::to_string(plan.oom.raise_percent));
  put("oom_raise_max_bytes", std::to_string(plan.oom.raise_max_bytes));
  put("optional_devices", plan.given_devices.has_optional() ? "1" : "0");
  if (text.size() > kMessageBytesMax)
    refuse("tell supervisor", plan.run_dir, "paths are too long", ENAMETOOLONG);
  send(SetupMessage::kSettings, 0, -1, text);
  if (!acknowledged()) ::_exit(1);
}

void SupervisorLink::console(int master) const {
  send(SetupMessage::kConsole, 0, master);
  if (!acknowledged()) refuse("tell supervisor", "console", "it did not take it");
}

void SupervisorLink::failed(const SysError& error) const {
  SetupHeader header{SetupMessage::kFailed, 0};
  std::string data(reinterpret_cast<const char*>(&header), sizeof header);
  data += error_fields(error);
  send_message(fd_, data.data(), data.size());
}

}  // namespace tsct
