// Which init runs as PID 1, and how it is asked to power off or reboot.
// Facts: systemd(1) "SIGNALS"; busybox init.c; sysvinit init(8); runit(8); openrc-init(8).
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "supervisor/supervisor.h"
#include "sys/syscalls.h"

extern char** environ;

namespace tsct {
namespace {

constexpr int kMemoryTimeoutMs = 500;

// A pid's file in /proc, read into a fixed buffer; 0 when it is gone.
size_t read_proc(pid_t pid, const char* file, char* buffer, size_t size) {
  Text<64> path;
  path.add("/proc/").number(pid).add('/').add(file);
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = read(fd, buffer, size - 1);
  close(fd);
  buffer[n > 0 ? n : 0] = 0;
  return n > 0 ? static_cast<size_t>(n) : 0;
}

uint64_t signal_mask(const char* status, const char* field) {
  const char* at = strstr(status, field);
  return at ? strtoull(at + strlen(field), nullptr, 16) : 0;
}

// Memory of a guest may be a file that its own FUSE server never delivers, so that reading it does not end: a
// child does it, and is left behind if it takes long. It ends with the guest at the latest. 0 when
// unreadable.
uint64_t read_memory(pid_t pid, uint64_t address) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return 0;
  pid_t child = fork();
  if (child == 0) {
    if (dup2(ends[1], 0) < 0) _exit(1);
    close_range(1, ~0u, 0);  // the locks among them must not outlive the supervisor
    uint64_t value = 0;
    iovec local{&value, sizeof value}, remote{reinterpret_cast<void*>(address), sizeof value};
    bool whole = process_vm_readv(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(sizeof value);
    _exit(whole && write(0, &value, sizeof value) > 0 ? 0 : 1);
  }
  close(ends[1]);
  uint64_t value = 0;
  pollfd readable{ends[0], POLLIN, 0};
  if (child > 0 && poll(&readable, 1, kMemoryTimeoutMs) == 1 &&
      read(ends[0], &value, sizeof value) != static_cast<ssize_t>(sizeof value))
    value = 0;
  close(ends[0]);
  if (child > 0) kill(child, SIGKILL);  // on_child reaps it
  return value;
}

// The set that a process in rt_sigtimedwait(2) waits for. The kernel takes it out of SigBlk meanwhile, so
// that busybox init and every init built on sigwait(3) would look deaf; proc_pid_syscall(5) names the call.
uint64_t awaited_signals(pid_t pid) {
  char call[256];
  if (!read_proc(pid, "syscall", call, sizeof call)) return 0;
  char* at = call;
  if (strtol(at, &at, 10) != SYS_rt_sigtimedwait) return 0;
  return read_memory(pid, strtoull(at, nullptr, 16));
}

// Signals that PID 1 catches, or blocks to read them from a signalfd: those it can hear. The kernel drops
// every other one for a namespace's init (pid_namespaces(7)).
uint64_t heard_signals(pid_t pid) {
  char status[4096];
  if (!read_proc(pid, "status", status, sizeof status)) return 0;
  return signal_mask(status, "SigCgt:") | signal_mask(status, "SigBlk:") | awaited_signals(pid);
}

bool hears(uint64_t mask, int sig) {
  return mask >> (sig - 1) & 1;
}

bool exists_in_guest(pid_t pid, const char* path) {
  Text<64> root;
  root.add("/proc/").number(pid).add("/root");
  int fd = open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  int found = openat2(fd, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  close(fd);
  if (found < 0) return false;
  close(found);
  return true;
}

// Runs `/sbin/init RUNLEVEL` inside, for inits that take orders from their own command and from no signal.
void order_runlevel(Supervisor& s, char* runlevel) {
  Path program, socket;
  program.add(s.program_dir).add("/tsct-exec");
  socket.add(s.setting("run_dir")).add("/control");
  char exec[] = "exec", flag[] = "--socket", no_tty[] = "--no-tty", dashes[] = "--", init[] = "/sbin/init";
  char* argv[] = {const_cast<char*>(program.c_str()),
                  exec,
                  flag,
                  const_cast<char*>(socket.c_str()),
                  no_tty,
                  dashes,
                  init,
                  runlevel,
                  nullptr};
  posix_spawnattr_t attr;
  posix_spawnattr_init(&attr);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
  pid_t pid;
  s.order_pid = posix_spawn(&pid, program.c_str(), nullptr, &attr, argv, environ) == 0 ? pid : 0;
  posix_spawnattr_destroy(&attr);
}

int choose_signal(const Supervisor& s, bool reboot, uint64_t heard) {
  int configured = static_cast<int>(s.fields().number(reboot ? "reboot_signal" : "halt_signal"));
  if (configured) return configured;
  switch (s.order_failed ? InitKind::kUnknown : s.init_kind) {
    case InitKind::kSystemd:
      return SIGRTMIN + (reboot ? 5 : 4);
    case InitKind::kBusybox:
      return reboot ? SIGTERM : SIGUSR2;
    case InitKind::kOpenrc:
      return reboot ? SIGINT : SIGTERM;
    case InitKind::kSysvinit:
    case InitKind::kRunit:
      return 0;
    case InitKind::kUnknown:
      break;
  }
  const int halt[] = {SIGRTMIN + 4, SIGRTMIN + 3, SIGPWR, SIGTERM, SIGINT};
  const int restart[] = {SIGRTMIN + 5, SIGINT, SIGTERM};
  for (int sig : halt)
    if (!reboot && hears(heard, sig)) return sig;
  for (int sig : restart)
    if (reboot && hears(heard, sig)) return sig;
  return -1;
}

}  // namespace

InitKind find_init_kind(pid_t pid) {
  Text<64> link;
  link.add("/proc/").number(pid).add("/exe");
  char target[PATH_MAX];
  ssize_t n = readlink(link.c_str(), target, sizeof target - 1);
  if (n <= 0) return InitKind::kUnknown;
  target[n] = 0;
  const char* slash = strrchr(target, '/');
  const char* name = slash ? slash + 1 : target;
  if (!strcmp(name, "systemd")) return InitKind::kSystemd;
  if (!strncmp(name, "busybox", 7)) return InitKind::kBusybox;
  if (!strcmp(name, "openrc-init")) return InitKind::kOpenrc;
  if (!strncmp(name, "runit", 5)) return InitKind::kRunit;
  // sysvinit's program is just `init`; many others are too. It makes its order pipe before the first
  // runlevel.
  if (!strcmp(name, "init") && (exists_in_guest(pid, "/run/initctl") || exists_in_guest(pid, "/dev/initctl")))
    return InitKind::kSysvinit;
  return InitKind::kUnknown;
}

const char* init_kind_name(InitKind kind) {
  switch (kind) {
    case InitKind::kSystemd:
      return "systemd";
    case InitKind::kSysvinit:
      return "sysvinit";
    case InitKind::kBusybox:
      return "busybox";
    case InitKind::kOpenrc:
      return "openrc";
    case InitKind::kRunit:
      return "runit";
    case InitKind::kUnknown:
      break;
  }
  return "unknown";
}

bool ask_init(Supervisor& s, bool* hopeless) {
  *hopeless = false;
  bool reboot = s.ask == Ask::kReboot;
  if (s.init_kind == InitKind::kUnknown) s.init_kind = find_init_kind(s.init);
  uint64_t heard = heard_signals(s.init);
  int sig = choose_signal(s, reboot, heard);
  if (sig == 0) {
    char level[] = "0";
    if (reboot) level[0] = '6';
    order_runlevel(s, level);
    return true;
  }
  // An init that has only just been exec'd has no handler yet: what is sent now is lost. One that after a few
  // seconds listens to nothing never will.
  if (sig < 0 || !hears(heard, sig)) {
    *hopeless = now_ms(CLOCK_MONOTONIC) - s.ask_since_ms > 3000;
    return false;
  }
  pidfd_send_signal(s.pidfd, sig);
  return true;
}

namespace {
// What offers a login: a getty or what it has become; and the shell that a plain init runs on its console by
// itself. A script of an init that takes the console for its messages (sysvinit's rc, in a session of its
// own) does not.
bool offers_login(const Supervisor& s, const char* comm, pid_t parent) {
  if (strstr(comm, "getty") || !strcmp(comm, "login") || !strcmp(comm, "sulogin")) return true;
  bool plain = s.init_kind == InitKind::kBusybox || s.init_kind == InitKind::kUnknown;
  size_t length = strlen(comm);
  return plain && parent == s.init && length >= 2 && !strcmp(comm + length - 2, "sh");
}

// An init that opened its console as session leader keeps it as its own terminal (runit): its getty has it
// open only.
bool reads_console(pid_t pid) {
  Text<64> path;
  path.add("/proc/").number(pid).add("/fd/0");
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(136, 0);
}
}  // namespace

// A login is offered by somebody who has the console as controlling terminal, or reads it.
bool console_has_getty(const Supervisor& s) {
  Path path;
  path.add(s.setting("payload")).add("/cgroup.procs");
  // Non-systemd guests keep everything in the payload's own group: no walk of the tree is needed.
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char pids[2048];
  ssize_t n = read(fd, pids, sizeof pids - 1);
  close(fd);
  if (n <= 0) return false;
  pids[n] = 0;
  for (char* at = pids; *at;) {
    pid_t pid = static_cast<pid_t>(strtol(at, &at, 10));
    if (*at == '\n') at++;
    if (pid == 0 || pid == s.init) continue;
    char stat[512];
    if (!read_proc(pid, "stat", stat, sizeof stat)) continue;
    char* after = strrchr(stat, ')');
    if (!after) continue;
    // proc_pid_stat(5): "pid (comm) S ppid pgrp session tty_nr"
    *after = 0;
    const char* comm = strchr(stat, '(');
    char* field = after + 3;
    pid_t parent = static_cast<pid_t>(strtol(field, &field, 10));
    long terminal = 0;
    for (int i = 0; i < 3; i++) terminal = strtol(field, &field, 10);
    bool has_console = terminal == static_cast<long>(makedev(136, 0)) || reads_console(pid);
    if (comm && offers_login(s, comm + 1, parent) && has_console) return true;
  }
  return false;
}

}  // namespace tsct
