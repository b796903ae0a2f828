// The control socket: one line of words in, JSON lines out (src/supervisor/protocol.ts has the words).
// Only root gets here: the socket is 0600 in a 0700 directory, and SO_PEERCRED is checked besides.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"
#include "sys/socket.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

void say(Client& c, const char* text) {
  send(c.fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

// Whoever held the system still lets go, or was killed: it goes on, unless an admin froze it besides.
void let_go(Supervisor& s, Client& c) {
  c.mode = Client::Mode::kRequest;
  if (!is_held(s) && !s.is_frozen() && s.init) freeze_payload(s, false);
}

void hang_up(Supervisor& s, Client& c) {
  close(c.fd);
  c.fd = -1;
  if (c.passed >= 0) close(c.passed);
  c.passed = -1;
  if (c.mode == Client::Mode::kHold) let_go(s, c);
}

void answer(Client& c, int result, const char* step, const char* detail = "") {
  if (result == 0) return say(c, "{\"ok\":true}\n");
  Line error, line;
  native_error(error, step, "", -result, "", detail);
  line.add("{\"ok\":false,\"error\":").add(error.c_str()).add("}\n");
  say(c, line.c_str());
}

void ask(Supervisor& s, Client& c, Ask what) {
  if (s.state == State::kRestarting && what == Ask::kHalt) {  // between two runs: there will be no other
    s.requested = true;
    set_timer(s, 1);
    return answer(c, 0, "");
  }
  if (!s.init || s.state != State::kRunning)
    return answer(c, -ESRCH, "ask init", "the system is not running");
  // A frozen init hears nothing. Holders see the end of their connection, and that what they made is
  // worthless.
  bool still = s.is_frozen() || is_held(s);
  end_held(s);
  s.frozen = false;
  for (Client& holder : s.clients)
    if (holder.fd >= 0 && holder.mode == Client::Mode::kHold) hang_up(s, holder);
  if (still) freeze_payload(s, false);
  s.ask = what;
  s.requested = true;
  s.ask_since_ms = now_ms(CLOCK_MONOTONIC);
  set_timer(s, 1);
  answer(c, 0, "");
}

void kill_now(Supervisor& s, Client& c) {
  s.requested = s.kill_requested = true;
  if (s.state == State::kRestarting) set_timer(s, 1);
  answer(c, s.init || s.state == State::kRestarting ? (s.init ? kill_payload(s) : 0) : -ESRCH, "kill");
}

void freeze(Supervisor& s, Client& c, bool on) {
  if (s.state != State::kRunning) return answer(c, -ESRCH, "freeze", "the system is not running");
  if (s.oom_held) {  // what is asked for counts when there is room
    s.frozen = on;
    return answer(c, on ? 0 : thaw_held(s), "thaw", "it is held at its memory limit");
  }
  // Thawed while somebody holds it still: that comes true when he lets go.
  int result = !on && is_held(s) ? 0 : freeze_payload(s, on);
  if (result == 0) s.frozen = on;
  answer(c, result, on ? "freeze" : "thaw");
  if (result == 0) publish_state(s);
}

// Still for as long as the connection lasts. To everybody else the system goes on running: it is a matter of
// milliseconds, and `exec` waits it out.
bool hold(Supervisor& s, Client& c) {
  int result = s.state != State::kRunning || !s.init ? -ESRCH : s.oom_held ? 0 : freeze_payload(s, true);
  if (result == 0) c.mode = Client::Mode::kHold;
  answer(c, result, "freeze", result == -ESRCH ? "the system is not running" : "");
  return result == 0;
}

void enter(Supervisor& s, Client& c) {
  if (!s.init || s.state != State::kRunning) return answer(c, -ESRCH, "enter", "the system is not running");
  Line line;
  line.add("{\"format\":1,\"ok\":true,\"pid\":").number(s.init);
  line.add(",\"leaf\":\"").add(s.setting("payload")).add("/.tsct-exec\"");
  line.add(",\"idBase\":").add(s.setting("id_base")).add(",\"v1\":[");
  bool first = true;
  s.fields().each("v1", [&](const char* dir) {
    if (!first) line.add(',');
    first = false;
    line.quoted(dir);
  });
  line.add("],\"seccomp\":")
      .quoted(s.setting("seccomp"))
      .add(",\"frozen\":")
      .add(s.is_frozen() ? "true" : "false");
  line.add(",\"share\":").add(wants_share(s) ? "true" : "false");
  line.add(",\"container\":").quoted(s.setting("container")).add("}\n");
  send_message(c.fd, line.c_str(), line.size(), &s.pidfd, 1);
}

// What undoes this run, and what a reboot from inside starts. Once the end has begun it is too late: that
// goes by the plan that it has.
void take_plan(Supervisor& s, Client& c, const char* args) {
  if (!s.init || s.init_exited || s.state != State::kRunning)
    return answer(c, -ESRCH, "take plan", "the system is not running");
  if (c.passed < 0) return answer(c, -EBADF, "take plan", "there is none with the request");
  answer(c, dup2(c.passed, 0) < 0 ? -errno : 0, "take plan");
  look_for_room(s);
  s.has_optional_devices = !strcmp(args, " optional-devices");
  watch_host_devices(s);
}

// That of a tsct-ports, of which the end is to be noticed.
void take_ports(Supervisor& s, Client& c) {
  if (c.passed < 0) return answer(c, -EBADF, "take tsct-ports", "there is none with the request");
  if (!s.tearing_down) {
    watch_ports(s, c.passed);
    c.passed = -1;
  }
  answer(c, 0, "");
}

void take_view(Supervisor& s, Client& c) {
  if (c.passed < 0) return answer(c, -EBADF, "take connection to lxcfs", "there is none with the request");
  if (!s.tearing_down) {
    watch_view(s, c.passed);
    c.passed = -1;
  }
  answer(c, 0, "");
}

// The listener of a command that is let in.
void take_share(Supervisor& s, Client& c) {
  if (c.passed < 0) return answer(c, -EBADF, "take listener", "there is none with the request");
  bool taken = watch_share(s, c.passed);
  c.passed = -1;
  answer(c, taken ? 0 : -EMFILE, "take listener");
}

// For a change of devices: the file system that nodes work on, which nothing inside can put another in place
// of.
void give_devices(Supervisor& s, Client& c) {
  if (!s.init || s.state != State::kRunning || s.devices < 0)
    return answer(c, -ESRCH, "give devices", "the system is not running");
  const char* line = "{\"ok\":true}\n";
  send_message(c.fd, line, strlen(line), &s.devices, 1);
}

int word_number(const char** at) {
  while (**at == ' ') ++*at;
  return static_cast<int>(strtol(*at, const_cast<char**>(at), 10));
}

void become_console(Supervisor& s, Client& c, const char* args) {
  int rows = word_number(&args), columns = word_number(&args);
  resize_console(s, rows, columns);
  answer(c, 0, "");
  c.mode = Client::Mode::kConsole;
}

bool is(const char* line, const char* word) {
  size_t n = strlen(word);
  return !strncmp(line, word, n) && (line[n] == 0 || line[n] == ' ');
}

// Carries out one request; returns true while the connection goes on.
bool serve(Supervisor& s, Client& c) {
  const char* line = c.line;
  if (line[0] != '1' || line[1] != ' ') {
    answer(c, -EPROTO, "read request", "this supervisor speaks format 1");
    return false;
  }
  line += 2;
  if (is(line, "status") || is(line, "events")) {
    Line out;
    status_json(s, out);
    say(c, out.c_str());
    if (line[0] == 's') return false;
    c.mode = Client::Mode::kEvents;
    return true;
  }
  if (is(line, "console")) {
    become_console(s, c, line + 7);
    return true;
  }
  if (is(line, "hold")) return hold(s, c);
  if (is(line, "enter")) {
    enter(s, c);
    return true;  // kept open: the client may look whether the container goes away
  }
  if (is(line, "resize")) {
    const char* args = line + 6;
    int rows = word_number(&args), columns = word_number(&args);
    resize_console(s, rows, columns);
    answer(c, 0, "");
  } else if (is(line, "halt")) {
    ask(s, c, Ask::kHalt);
  } else if (is(line, "reboot")) {
    ask(s, c, Ask::kReboot);
  } else if (is(line, "kill")) {
    kill_now(s, c);
  } else if (is(line, "freeze") || is(line, "thaw")) {
    freeze(s, c, line[0] == 'f');
  } else if (is(line, "devices")) {
    give_devices(s, c);
  } else if (is(line, "plan")) {
    take_plan(s, c, line + 4);
  } else if (is(line, "ports")) {
    take_ports(s, c);
  } else if (is(line, "view")) {
    take_view(s, c);
  } else if (is(line, "share")) {
    take_share(s, c);
  } else if (is(line, "signal")) {
    const char* args = line + 6;
    answer(c, s.pidfd >= 0 && pidfd_send_signal(s.pidfd, word_number(&args)) == 0 ? 0 : -ESRCH,
           "signal init");
  } else {
    answer(c, -EPROTO, "read request", "unknown word");
  }
  return false;
}

bool make_run_dir(Supervisor& s, Line& error) {
  const char* dir = s.setting("run_dir");
  Path parent;
  parent.add(dir, static_cast<size_t>(strrchr(dir, '/') - dir));
  mkdir(parent.c_str(), 0755);
  if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
    native_error(error, "make run directory", "mkdir", errno, dir);
    return false;
  }
  s.run_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  s.lock = openat(s.run_dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (s.lock < 0 || flock(s.lock, LOCK_EX | LOCK_NB) < 0) {
    native_error(error, "claim run directory", "flock", errno, dir, "another supervisor holds it");
    return false;
  }
  return true;
}

}  // namespace

bool is_held(const Supervisor& s) {
  for (const Client& c : s.clients)
    if (c.fd >= 0 && c.mode == Client::Mode::kHold) return true;
  return false;
}

const char* state_name(const Supervisor& s) {
  switch (s.state) {
    case State::kStarting:
      return "starting";
    case State::kRunning:
      return s.is_frozen() ? "frozen" : s.ask == Ask::kHalt ? "stopping" : "running";
    case State::kStopping:
      return "stopping";
    case State::kRestarting:
      break;
  }
  return "restarting";
}

void status_json(const Supervisor& s, Line& out) {
  out.add("{\"format\":1,\"name\":").quoted(s.setting("name")).add(",\"uuid\":").quoted(s.setting("uuid"));
  out.add(",\"state\":").quoted(state_name(s)).add(",\"pid\":").number(s.init);
  out.add(",\"supervisorPid\":").number(getpid()).add(",\"startedAtMs\":").number(s.started_at_ms);
  out.add(",\"cgroup\":").quoted(s.setting("payload")).add(",\"init\":").quoted(init_kind_name(s.init_kind));
  out.add(",\"ready\":").add(*s.ready_by ? "true" : "false").add(",\"readyBy\":").quoted(s.ready_by);
  out.add(",\"statusText\":").quoted(s.status_text).add(",\"boots\":").number(s.boots);
  out.add(",\"oomHeld\":").add(s.oom_held ? "true" : "false");
  out.add(",\"oomCount\":").number(s.oom_count).add("}\n");
}

bool open_control(Supervisor& s, Line& error) {
  if (!make_run_dir(s, error)) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // By the directory's fd: the path of a long key would not fit sun_path (unix(7), 108 bytes).
  Text<108> path;
  path.add("/proc/self/fd/").number(s.run_dir).add("/control");
  strcpy(address.sun_path, path.c_str());
  unlinkat(s.run_dir, "control", 0);  // of a supervisor that died: its lock is ours now
  s.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  umask(0177);
  bool bound = bind(s.listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
               listen(s.listener, 64) == 0;
  umask(022);
  if (!bound) {
    native_error(error, "listen on control socket", "bind", errno, s.setting("run_dir"));
    return false;
  }
  watch(s, s.listener, EPOLLIN, kTagListener);
  return true;
}

// Run directory or socket were taken away under us: both anew. Who is connected stays so.
void reopen_control(Supervisor& s) {
  if (s.settings_size == 0) return;
  for (int* fd : {&s.listener, &s.lock, &s.run_dir}) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
  Line error;
  if (open_control(s, error)) reopen_console_log(s);
}

void accept_client(Supervisor& s) {
  int fd = accept4(s.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0) {
    close(fd);
    return;
  }
  for (int i = 0; i < kClientsMax; i++) {
    Client& c = s.clients[i];
    if (c.fd >= 0) continue;
    c = Client{};
    c.fd = fd;
    return watch(s, fd, EPOLLIN, kTagClients + static_cast<uint32_t>(i));
  }
  close(fd);  // all places taken: the caller sees the end of the connection and says so
}

void on_client(Supervisor& s, Client& c, uint32_t events) {
  if (c.fd < 0) return;
  if (c.mode == Client::Mode::kConsole) return console_input(s, c);
  char byte;
  for (;;) {
    int passed;
    ssize_t n = receive_message(c.fd, &byte, 1, &passed, 1, MSG_DONTWAIT);
    if (passed >= 0) {
      if (c.passed >= 0) close(c.passed);
      c.passed = passed;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR) && !(events & (EPOLLHUP | EPOLLERR))) return;
    if (n <= 0) return hang_up(s, c);
    if (c.mode == Client::Mode::kEvents) continue;
    if (byte == '\n') break;
    if (c.used >= sizeof c.line - 1) {
      answer(c, -EMSGSIZE, "read request", "the request is too long");
      return hang_up(s, c);
    }
    c.line[c.used++] = byte;
  }
  c.line[c.used] = 0;
  c.used = 0;
  if (c.mode == Client::Mode::kHold) {  // whatever it says: the answer tells that it held until now
    let_go(s, c);
    answer(c, 0, "");
    return hang_up(s, c);
  }
  if (!serve(s, c)) hang_up(s, c);
}

void publish(Supervisor& s, const char* line) {
  for (Client& c : s.clients)
    if (c.fd >= 0 && c.mode == Client::Mode::kEvents) say(c, line);
}

void close_clients(Supervisor& s) {
  for (Client& c : s.clients)
    if (c.fd >= 0) hang_up(s, c);
}

}  // namespace tsct
