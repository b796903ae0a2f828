// One run of the container after the other: start, exit, teardown, and what comes next.
//
//   starting ──kStarted──► running ──exit of init──► stopping ──teardown done──► gone
//      ▲                                                  │
//      └───────────── reboot at once, Restart= after RestartSec= (restarting) ◄──┘
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"
#include "sys/socket.h"
#include "sys/syscalls.h"

extern char** environ;

namespace tsct {
namespace {

void drop(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

void report(Supervisor& s, const char* line) {
  if (s.reported) return;
  s.reported = true;
  if (write(1, line, strlen(line)) < 0) { /* the caller has gone: Ctrl-C during start */
  }
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) dup2(null, 1);
  close(null);
  drop(s.start_lock);
}

void report_failure(Supervisor& s) {
  Line line;
  line.add("{\"event\":\"failed\",\"error\":").add(s.failure.c_str()).add("}\n");
  report(s, line.c_str());
  publish(s, line.c_str());
}

void set_state(Supervisor& s, State state) {
  s.state = state;
  publish_state(s);
}

// The files of the id range's locks go while they are still held; whatever else is held has no name on the
// host.
void release(const Supervisor& s, int fd) {
  Path link, name;
  char target[256];
  link.add("/proc/self/fd/").number(fd);
  ssize_t n = readlink(link.c_str(), target, sizeof target - 1);
  if (n > 0) {
    target[n] = 0;
    name.add("/").add(s.setting("id_base"));
    const char* last = strrchr(target, '/');
    if (last && !strncmp(target, "/run/", 5) && !strcmp(last, name.c_str())) unlink(target);
  }
  close(fd);
}

void forget_run(Supervisor& s) {
  drop(s.notify);
  drop(s.devices);
  drop(s.pidfd);
  for (int i = 0; i < s.hold_count; i++) release(s, s.hold[i]);
  s.hold_count = 0;
  forget_share(s);
  s.init = 0;
  s.ready_by = "";
  s.status_text[0] = 0;
  s.init_kind = InitKind::kUnknown;
  s.frozen = false;
  s.ask = Ask::kNone;
  s.order_failed = false;
}

[[noreturn]] void finish(Supervisor& s) {
  if (s.settings_size) {
    record_exit(s);
    leave_cgroup(s);
    keep_console_log(s);
    unlinkat(s.run_dir, "control", 0);
    unlinkat(s.run_dir, "plan.json", 0);
    unlinkat(s.run_dir, "supervisor.log", 0);
    unlinkat(s.run_dir, "lock", 0);
    if (!s.left_over) rmdir(s.setting("run_dir"));  // else the next command is led by it to what is left
  }
  if (s.failed) report_failure(s);
  Line line, exit;
  exit_json(s, exit);
  line.add("{\"event\":\"stopped\",\"exit\":").add(exit.c_str()).add("}\n");
  publish(s, line.c_str());
  close_clients(s);
  _exit(s.failed ? 1 : 0);
}

void after_teardown(Supervisor& s) {
  s.tearing_down = false;
  bool reboot = !strcmp(s.exit_cause, "reboot") && !s.failed && !(s.requested && s.ask == Ask::kHalt);
  forget_run(s);
  if (reboot && !s.kill_requested && s.terminations == 0) {
    s.requested = false;
    return begin_start(s);
  }
  if (wants_restart(s) && within_start_limit(s)) {
    record_exit(s);
    set_state(s, State::kRestarting);
    return set_timer(s, s.fields().number("restart_delay_ms") + 1);
  }
  finish(s);
}

void publish_exit(Supervisor& s) {
  Line line, exit;
  exit_json(s, exit);
  line.add("{\"event\":\"exited\",\"exit\":").add(exit.c_str()).add("}\n");
  publish(s, line.c_str());
}

void on_init_exit(Supervisor& s, const siginfo_t& info) {
  s.init_exited = true;
  if (!s.failed) name_exit(s, info);
  publish_exit(s);
}

void on_failed(Supervisor& s, const Fields& f) {
  s.failed = true;
  s.exit_cause = "start-failed";  // whatever became of init by then
  s.exit_code = s.exit_signal = 0;
  s.failure.clear();
  s.failure.add("{\"stage\":").quoted(f.get("stage")).add(",\"step\":").quoted(f.get("step"));
  s.failure.add(",\"call\":").quoted(f.get("call")).add(",\"errno\":").number(f.number("errno"));
  s.failure.add(",\"target\":").quoted(f.get("target")).add(",\"detail\":").quoted(f.get("detail")).add('}');
}

void on_settings(Supervisor& s, const char* text, size_t size, int socket_fd) {
  SetupHeader answer{SetupMessage::kAck, 0};
  if (s.settings_size == 0) {
    memcpy(s.settings, text, size);
    s.settings_size = size;
    s.has_optional_devices = s.fields().number("optional_devices") == 1;
    Line error;
    if (!open_control(s, error)) {
      s.settings_size = 0;  // nothing of that container is ours to undo
      s.failed = true;
      s.failure.clear();
      s.failure.add(error.c_str());
      answer.type = SetupMessage::kRefused;
    }
  }
  send_message(socket_fd, &answer, sizeof answer);
}

void on_started(Supervisor& s) {
  s.boots++;
  s.failed = false;
  s.started_at_ms = now_ms(CLOCK_REALTIME);
  s.init_kind = find_init_kind(s.init);
  Line line;
  line.add("{\"event\":\"started\",\"pid\":")
      .number(s.init)
      .add(",\"supervisorPid\":")
      .number(getpid())
      .add("}\n");
  set_state(s, State::kRunning);
  report(s, line.c_str());
  notify_manager("READY=1");
  enter_cgroup(s);
  watch_host_devices(s);
  on_view_started(s);
  if (s.terminations > 0) {
    s.ask = Ask::kHalt;
    s.ask_since_ms = now_ms(CLOCK_MONOTONIC);
    set_timer(s, 1);
  }
}

// Once every other tsct-setup has ended: what it starts has to be found, and it is in a group that goes.
void tear_down_alone(Supervisor& s) {
  if (s.setup_pid == 0 && s.ports_setup_pid == 0 && s.devices_setup_pid == 0)
    s.setup_pid = spawn_setup(s, "teardown", -1);
}

}  // namespace

void publish_state(Supervisor& s) {
  Line line;
  line.add("{\"event\":\"state\",\"state\":")
      .quoted(state_name(s))
      .add(",\"pid\":")
      .number(s.init)
      .add("}\n");
  publish(s, line.c_str());
}

void begin_start(Supervisor& s) {
  set_state(s, State::kStarting);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) _exit(1);
  s.init_exited = false;
  s.early_exit.si_pid = 0;
  s.exit_cause = "start-failed";
  s.setup_pid = spawn_setup(s, "start", pair[1]);
  close(pair[1]);
  s.setup_socket = pair[0];
  watch(s, s.setup_socket, EPOLLIN, kTagSetup);
}

void begin_teardown(Supervisor& s) {
  drop(s.setup_socket);
  if (s.settings_size == 0) finish(s);
  s.tearing_down = true;
  set_state(s, State::kStopping);
  forget_ports(s);
  forget_host_devices(s);
  forget_view(s);
  forget_memory(s);  // a group that goes tells, too, and is no want of memory
  tear_down_alone(s);
}

void on_setup_message(Supervisor& s) {
  static char buffer[sizeof(SetupHeader) + kMessageBytesMax];
  int fd;
  ssize_t n = receive_message(s.setup_socket, buffer, sizeof buffer, &fd, 1, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n < static_cast<ssize_t>(sizeof(SetupHeader)))
    return drop(s.setup_socket);  // its exit is told by SIGCHLD
  SetupHeader header;
  memcpy(&header, buffer, sizeof header);
  const char* text = buffer + sizeof header;
  size_t size = static_cast<size_t>(n) - sizeof header;
  switch (header.type) {
    case SetupMessage::kSettings:
      return on_settings(s, text, size, s.setup_socket);
    case SetupMessage::kHold:
      if (s.hold_count < kHoldMax)
        s.hold[s.hold_count++] = fd;
      else
        close(fd);
      return;
    case SetupMessage::kNotify:
      s.notify = fd;
      return watch(s, fd, EPOLLIN, kTagNotify);
    case SetupMessage::kDevices:
      s.devices = fd;
      return;
    case SetupMessage::kView:
      return watch_view(s, fd);
    case SetupMessage::kShare:
      watch_share(s, fd);
      return;
    case SetupMessage::kInit:
      s.init = header.number;
      s.pidfd = fd;
      if (s.early_exit.si_pid == s.init) on_init_exit(s, s.early_exit);
      return;
    case SetupMessage::kConsole: {
      open_console(s, fd);
      // Before anything of the guest runs, and after its groups are made.
      SetupHeader ack{watch_memory(s) ? SetupMessage::kAck : SetupMessage::kRefused, 0};
      send_message(s.setup_socket, &ack, sizeof ack);
      return;
    }
    case SetupMessage::kStarted:
      return on_started(s);
    case SetupMessage::kFailed:
      return on_failed(s, Fields(text, size));
    default:
      drop(fd);
  }
}

// Children: tsct-setup, also those for ports, devices and view, init (made with CLONE_PARENT), who writes an
// answer into the guest (share.cc), orders run inside by ask_init, and OOMHook=.
void on_child(Supervisor& s) {
  siginfo_t info;
  for (;;) {
    info.si_pid = 0;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0) return;
    if (info.si_pid == s.setup_pid) {
      s.setup_pid = 0;
      if (s.tearing_down) {
        s.left_over = info.si_code != CLD_EXITED || info.si_status != 0;
        after_teardown(s);
        continue;
      }
      // Its last words are still in the socket.
      while (s.setup_socket >= 0) {
        char byte;
        if (recv(s.setup_socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) break;
        on_setup_message(s);
      }
      drop(s.setup_socket);
      if (s.state == State::kStarting && !s.failed) {
        s.failed = true;
        s.failure.clear();
        native_error(s.failure, "run tsct-setup", "", 0, s.program_dir,
                     info.si_code == CLD_EXITED ? "it ended without a word" : "it was killed");
      }
      if (s.failed && s.init == 0) begin_teardown(s);
      if (s.failed && s.init) kill_payload(s);
      if (s.init_exited) begin_teardown(s);
    } else if (info.si_pid == s.ports_setup_pid) {
      on_ports_setup_end(s, info.si_code == CLD_EXITED && info.si_status == 0);
      if (s.tearing_down) tear_down_alone(s);
    } else if (info.si_pid == s.devices_setup_pid) {
      on_devices_setup_end(s);
      if (s.tearing_down) tear_down_alone(s);
    } else if (info.si_pid == s.view_setup_pid) {
      on_view_setup_end(s, info.si_code == CLD_EXITED && info.si_status == 0);
    } else if (info.si_pid == s.share.writer) {
      on_share_written(s, info.si_code == CLD_EXITED && info.si_status == 0);
    } else if (info.si_pid == s.order_pid) {
      s.order_pid = 0;
      s.order_failed = info.si_status != 0;
      if (s.order_failed && s.ask != Ask::kNone) set_timer(s, 1);  // then by signal
    } else if (info.si_pid == s.hook_pid) {
      on_hook_exit(s, info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
    } else if (info.si_pid == s.init && s.init) {
      on_init_exit(s, info);
      if (s.setup_pid == 0) begin_teardown(s);  // else tsct-setup has still to say why
    } else if (s.setup_pid) {
      // Init, which a failing start ended before tsct-setup's word of it was read: it is reaped only once.
      s.early_exit = info;
    }
  }
}

void on_timer(Supervisor& s) {
  uint64_t expirations;
  if (read(s.timer, &expirations, sizeof expirations) < 0) return;
  if (s.state == State::kRestarting) return s.requested ? finish(s) : begin_start(s);
  if (s.ask == Ask::kNone || !s.init || s.state != State::kRunning) return;
  bool hopeless;
  if (ask_init(s, &hopeless)) return;
  if (hopeless) {
    kill_payload(s);
    return;
  }
  set_timer(s, 20);
}

}  // namespace tsct
