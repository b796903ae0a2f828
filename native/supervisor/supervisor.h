#pragma once
// The state of one supervisor: exactly one container, one thread, fixed memory.
#include <signal.h>
#include <sys/types.h>

#include "supervisor/handshake.h"
#include "supervisor/share.h"
#include "supervisor/text.h"
#include "supervisor/view.h"

namespace tsct {

constexpr int kClientsMax = 32;
constexpr int kHoldMax = 8;
constexpr int kRestartTimesMax = 32;

enum class State { kStarting, kRunning, kStopping, kRestarting };
enum class InitKind { kUnknown, kSystemd, kSysvinit, kBusybox, kOpenrc, kRunit };
enum class Ask { kNone, kHalt, kReboot };

struct Client {
  int fd = -1;
  enum class Mode : uint8_t { kRequest, kEvents, kConsole, kHold } mode = Mode::kRequest;
  uint8_t used = 0;  // bytes of the request line so far
  int passed = -1;   // came with it
  char line[64];
};

struct Supervisor {
  int epoll = -1, signals = -1, timer = -1;
  int listener = -1, run_dir = -1, lock = -1, start_lock = -1;
  int setup_socket = -1;
  pid_t setup_pid = 0;
  bool tearing_down = false;
  bool left_over = false;  // the last teardown could not undo everything

  // Settings, as handed by the first tsct-setup; text stays here.
  char settings[kMessageBytesMax];
  size_t settings_size = 0;
  char program_dir[256];

  int hold[kHoldMax];
  int hold_count = 0;
  int pidfd = -1, notify = -1, devices = -1, console = -1, console_log = -1;
  size_t console_log_bytes = 0;
  pid_t init = 0;
  bool init_exited = false;
  siginfo_t early_exit{};  // of a child that nobody has told about yet

  State state = State::kStarting;
  bool frozen = false;     // an admin asked for it
  bool requested = false;  // a client asked for the end of this run
  bool kill_requested = false;
  Ask ask = Ask::kNone;  // waiting for init to be able to hear us
  int64_t ask_since_ms = 0;
  pid_t order_pid = 0;  // `/sbin/init 0` run inside, for inits that hear no signal
  bool order_failed = false;

  // At the memory limit (oom.cc).
  int oom = -1, oom_control = -1;
  bool oom_held = false;      // frozen there until there is room
  bool oom_ended = false;     // the policy ends this run
  bool oom_given_up = false;  // the kernel kills, whatever the policy says
  int oom_count = 0;
  int64_t oom_at_ms = 0, oom_seen = 0, high_seen = 0;
  pid_t hook_pid = 0;

  int terminations = 0;   // SIGTERMs seen
  bool reported = false;  // the start report is out
  const char* ready_by = "";
  char status_text[128];
  int boots = 0;
  int64_t started_at_ms = 0;
  InitKind init_kind = InitKind::kUnknown;

  // Last exit, as waitid told it.
  int exit_code = 0, exit_signal = 0;
  const char* exit_cause = "start-failed";
  Line failure;  // JSON of the NativeError of a failed start
  bool failed = false;
  int64_t restart_times_ms[kRestartTimesMax];
  int restart_count = 0;

  // tsct-ports, and what has it again.
  int ports = -1, ports_timer = -1;
  pid_t ports_setup_pid = 0;
  int64_t ports_since_ms = 0, ports_delay_ms = 0;

  // Devices of the host that may come and go (devices.cc).
  bool has_optional_devices = false;
  bool devices_changed = false;  // since the tsct-setup that is at it began
  int host_devices = -1;
  pid_t devices_setup_pid = 0;

  // Keeper of lxcfs, and what shows the guest what that does.
  int view = -1, view_timer = -1;
  pid_t view_setup_pid = 0;
  bool view_again = false;  // it said more meanwhile
  ViewWord view_word{};     // what it said last
  int64_t view_delay_ms = 0;

  Share share;

  Client clients[kClientsMax];

  Fields fields() const { return Fields(settings, settings_size); }
  const char* setting(const char* key) const { return fields().get(key); }
  bool is_frozen() const { return frozen || oom_held; }
};

// main.cc
void watch(Supervisor& s, int fd, uint32_t events, uint32_t tag);
int64_t now_ms(int clock);
void set_timer(int timer, int64_t ms);
void set_timer(Supervisor& s, int64_t ms);

// run.cc: from start to end of a run
void begin_start(Supervisor& s);
void begin_teardown(Supervisor& s);
void on_setup_message(Supervisor& s);
void on_child(Supervisor& s);
void on_timer(Supervisor& s);
void publish_state(Supervisor& s);

// exit.cc: how a run ended, and whether another follows
void exit_json(const Supervisor& s, Line& out);
void record_exit(Supervisor& s);  // for those who look later
void name_exit(Supervisor& s, const siginfo_t& info);
bool wants_restart(const Supervisor& s);
bool within_start_limit(Supervisor& s);

// spawn.cc
// Runs tsct-setup with the plan as its fd 0 and, when given, `passed` as its fd 3 and `log` as its stderr.
pid_t spawn_setup(Supervisor& s, const char* verb, int passed, int log = -1);
// RUNDIR/supervisor.log, which goes with the run. -1: it cannot be written.
int open_log(const Supervisor& s);
// A line in it, with the time.
void log_line(const Supervisor& s, const char* what);

// retry.cc
// Says in that log what, and that it is tried again after the delay, which it doubles; sets the timer to it.
void try_later(Supervisor& s, const char* what, int64_t& delay_ms, int& timer, uint32_t tag);

// view.cc
void watch_view(Supervisor& s, int connection);
void on_view(Supervisor& s);
void on_view_started(Supervisor& s);  // the run, which until then cannot be entered
void on_view_timer(Supervisor& s);
void on_view_setup_end(Supervisor& s, bool done);
void forget_view(Supervisor& s);

// share.cc
bool wants_share(const Supervisor& s);          // of a command, too
bool watch_share(Supervisor& s, int listener);  // false: too many, and it is closed
void on_share(Supervisor& s);
void on_share_timer(Supervisor& s);
void on_share_written(Supervisor& s, bool done);
void forget_share(Supervisor& s);

// ports.cc
void watch_ports(Supervisor& s, int pidfd);
void on_ports_end(Supervisor& s);
void on_ports_timer(Supervisor& s);
void on_ports_setup_end(Supervisor& s, bool done);
void forget_ports(Supervisor& s);

// devices.cc
void watch_host_devices(Supervisor& s);  // or no more, as the plan says; and looks what is there
void on_host_device(Supervisor& s);
void on_devices_setup_end(Supervisor& s);
void forget_host_devices(Supervisor& s);

// control.cc
bool open_control(Supervisor& s, Line& error);
void reopen_control(Supervisor& s);
void accept_client(Supervisor& s);
void on_client(Supervisor& s, Client& c, uint32_t events);
void publish(Supervisor& s, const char* json_line);
void close_clients(Supervisor& s);
bool is_held(const Supervisor& s);  // still, for a client
void status_json(const Supervisor& s, Line& out);
const char* state_name(const Supervisor& s);

// console.cc
void open_console(Supervisor& s, int master);
void reopen_console_log(Supervisor& s);
void on_console(Supervisor& s, uint32_t events);
void console_input(Supervisor& s, Client& c);
void resize_console(Supervisor& s, int rows, int columns);
void keep_console_log(Supervisor& s);

// notify.cc
void on_notify(Supervisor& s);
void set_ready(Supervisor& s, const char* by);
void notify_manager(const char* text);

// init.cc: which init it is and how it is asked to end
InitKind find_init_kind(pid_t pid);
const char* init_kind_name(InitKind kind);
bool console_has_getty(const Supervisor& s);
// Returns false while init cannot hear us yet (ask again), true when asked; `hopeless` when it never will.
bool ask_init(Supervisor& s, bool* hopeless);

// cgroup.cc; numbers are 0 or -errno
int write_cgroup(const char* dir, const char* file, const char* value);
// Up to `size` of it, with a NUL; false: there is none.
bool read_text(const char* dir, const char* file, char* text, size_t size);
// Waits for the kernel's word, unless tasks that sleep in the kernel would keep it from that.
int freeze_payload(Supervisor& s, bool freeze, bool wait = true);
int kill_payload(Supervisor& s);
void enter_cgroup(Supervisor& s);
void leave_cgroup(Supervisor& s);
void leave_supervisor_cgroup(const Supervisor& s);

// oom.cc: at the memory limit
bool watch_memory(Supervisor& s);
void on_oom(Supervisor& s);
void on_hook_exit(Supervisor& s, int code);
bool died_of_memory(Supervisor& s);
void look_for_room(Supervisor& s);  // the limit may have been raised
int thaw_held(Supervisor& s);       // 0 or -ENOMEM
void end_held(Supervisor& s);       // it is to end: from here on the kernel kills
void forget_memory(Supervisor& s);

// native_error.cc
void native_error(Line& out, const char* step, const char* call, int err, const char* target,
                  const char* detail = "");

}  // namespace tsct
