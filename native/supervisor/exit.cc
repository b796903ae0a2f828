// How a run ended, and whether another one follows.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

namespace tsct {

void exit_json(const Supervisor& s, Line& out) {
  out.add("{\"format\":1,\"atMs\":").number(now_ms(CLOCK_REALTIME)).add(",\"cause\":").quoted(s.exit_cause);
  out.add(",\"code\":").number(s.exit_signal ? s.exit_signal : s.exit_code);
  out.add(",\"requested\":").add(s.requested ? "true" : "false").add('}');
}

void record_exit(Supervisor& s) {
  Line text;
  exit_json(s, text);
  text.add('\n');
  Path temp, path;
  path.add(s.setting("container_dir")).add("/last-exit.json");
  temp.add(s.setting("container_dir")).add("/.last-exit.tmp");
  int fd = open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  bool whole =
      write(fd, text.c_str(), text.size()) == static_cast<ssize_t>(text.size()) && fdatasync(fd) == 0;
  close(fd);
  if (whole)
    rename(temp.c_str(), path.c_str());
  else
    unlink(temp.c_str());
}

// reboot(2) in a pid namespace ends its init by SIGHUP for a restart and by SIGINT for halt and power off.
void name_exit(Supervisor& s, const siginfo_t& info) {
  s.exit_code = s.exit_signal = 0;
  if (info.si_code == CLD_EXITED) {
    s.exit_cause = "exited";
    s.exit_code = info.si_status;
    return;
  }
  s.exit_signal = info.si_status;
  s.exit_cause = s.exit_signal == SIGHUP                         ? "reboot"
                 : s.exit_signal == SIGINT                       ? "poweroff"
                 : s.kill_requested                              ? "killed"
                 : s.exit_signal == SIGKILL && died_of_memory(s) ? "oom-kill"
                                                                 : "signal";
  if (s.exit_signal == SIGHUP || s.exit_signal == SIGINT) s.exit_signal = 0;
}

bool wants_restart(const Supervisor& s) {
  if (s.requested) return false;
  bool out_of_memory = !strcmp(s.exit_cause, "oom-kill");
  if (out_of_memory && !strcmp(s.setting("oom_policy"), "restart")) return true;
  const char* policy = s.setting("restart_policy");
  bool start_failed = !strcmp(s.exit_cause, "start-failed");
  bool clean = !strcmp(s.exit_cause, "poweroff") || (!strcmp(s.exit_cause, "exited") && s.exit_code == 0);
  bool abnormal = out_of_memory || !strcmp(s.exit_cause, "signal") || !strcmp(s.exit_cause, "killed");
  if (start_failed && s.boots == 0) return false;  // the caller of start is told instead
  if (!strcmp(policy, "always")) return true;
  if (!strcmp(policy, "on-success")) return clean;
  if (!strcmp(policy, "on-failure")) return !clean;
  if (!strcmp(policy, "on-abnormal")) return abnormal;
  return false;
}

// systemd.unit(5) StartLimitBurst=, StartLimitIntervalSec=
bool within_start_limit(Supervisor& s) {
  int64_t now = now_ms(CLOCK_MONOTONIC), interval = s.fields().number("restart_interval_ms");
  int kept = 0;
  for (int i = 0; i < s.restart_count; i++)
    if (now - s.restart_times_ms[i] < interval) s.restart_times_ms[kept++] = s.restart_times_ms[i];
  s.restart_count = kept;
  int burst = static_cast<int>(s.fields().number("restart_burst"));
  if (burst <= 0 || interval <= 0) return true;  // no limit
  if (burst > kRestartTimesMax) burst = kRestartTimesMax;
  if (kept >= burst) return false;
  s.restart_times_ms[s.restart_count++] = now;
  return true;
}

}  // namespace tsct
