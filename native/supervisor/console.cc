// The guest's /dev/console: a pty of its own devpts whose master stays here. What the guest writes goes to a
// log of two files in the run directory (on tmpfs: page cache, not memory of this process) and to every
// client.
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"

namespace tsct {
namespace {

char pending[1024];  // typed by a client, not yet taken by the pty
size_t pending_size = 0;
bool hung_up = false;  // nobody inside has the console open: watched by edge

void open_log(Supervisor& s) {
  if (s.console_log >= 0) return;
  s.console_log = openat(s.run_dir, "console.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void log_output(Supervisor& s, const char* data, size_t size) {
  if (s.console_log < 0) return;
  if (s.console_log_bytes + size > static_cast<size_t>(s.fields().number("console_log_bytes_max"))) {
    renameat(s.run_dir, "console.log", s.run_dir, "console.log.1");
    close(s.console_log);
    s.console_log = -1;
    s.console_log_bytes = 0;
    open_log(s);
  }
  if (write(s.console_log, data, size) > 0) s.console_log_bytes += size;
}

void flush_pending(Supervisor& s) {
  if (pending_size == 0 || s.console < 0) return;
  ssize_t n = write(s.console, pending, pending_size);
  if (n > 0) {
    memmove(pending, pending + n, pending_size - static_cast<size_t>(n));
    pending_size -= static_cast<size_t>(n);
  }
  watch(s, s.console, EPOLLIN | (pending_size ? static_cast<uint32_t>(EPOLLOUT) : 0), kTagConsole);
}

// While input is pending nobody types more: the clients' own sockets hold it back.
void set_clients_reading(Supervisor& s, bool reading) {
  for (int i = 0; i < kClientsMax; i++)
    if (s.clients[i].fd >= 0 && s.clients[i].mode == Client::Mode::kConsole)
      watch(s, s.clients[i].fd, reading ? static_cast<uint32_t>(EPOLLIN) : 0,
            kTagClients + static_cast<uint32_t>(i));
}

// To the log and to everybody who looks on.
void pass_on(Supervisor& s, const char* data, size_t size) {
  log_output(s, data, size);
  for (Client& c : s.clients)
    if (c.fd >= 0 && c.mode == Client::Mode::kConsole)
      send(c.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);  // a client too slow loses output
}

// What init said last is still in the pty when its end is told: taken before the master is closed or the log
// is kept, or the reason of a failed boot would be lost. Everybody inside is dead by then, so this ends.
void drain(Supervisor& s) {
  if (s.console < 0) return;
  char data[4096];
  for (ssize_t n; (n = read(s.console, data, sizeof data)) > 0;) pass_on(s, data, static_cast<size_t>(n));
}

void copy_file(int from_dir, const char* name, const char* to) {
  int in = openat(from_dir, name, O_RDONLY | O_CLOEXEC);
  if (in < 0) return;
  Path temp;
  temp.add(to).add(".tmp");
  int out = open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (out >= 0) {
    while (sendfile(out, in, nullptr, 1 << 20) > 0) {
    }
    close(out);
    rename(temp.c_str(), to);
  }
  close(in);
}

}  // namespace

void open_console(Supervisor& s, int master) {
  drain(s);
  if (s.console >= 0) close(s.console);
  s.console = master;
  pending_size = 0;
  hung_up = false;
  fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
  open_log(s);
  watch(s, master, EPOLLIN, kTagConsole);
  set_clients_reading(s, true);
}

// The file went with its directory: what comes from now on is kept in the new one.
void reopen_console_log(Supervisor& s) {
  if (s.console < 0 || faccessat(s.run_dir, "console.log", F_OK, 0) == 0) return;
  if (s.console_log >= 0) close(s.console_log);
  s.console_log = -1;
  s.console_log_bytes = 0;
  open_log(s);
}

void on_console(Supervisor& s, uint32_t events) {
  if (events & EPOLLOUT) {
    flush_pending(s);
    if (pending_size == 0) set_clients_reading(s, true);
  }
  char data[4096];
  ssize_t n = read(s.console, data, sizeof data);
  if (n > 0) {
    if (hung_up) {
      hung_up = false;
      watch(s, s.console, EPOLLIN, kTagConsole);
    }
    pass_on(s, data, static_cast<size_t>(n));
    if (!*s.ready_by && s.init &&
        (s.init_kind != InitKind::kSystemd || *s.setting("readiness_notify") != '1') && console_has_getty(s))
      set_ready(s, "getty");
    return;
  }
  // EIO: nobody inside has the console open just now (a getty between two logins). The master stays; epoll
  // would report the hang-up for ever, so it is looked at again by edge when somebody writes to the slave.
  // Only once: each EPOLL_CTL_MOD reports what is still so as a new edge.
  if (n < 0 && errno == EIO && !hung_up) {
    hung_up = true;
    epoll_event e{};
    e.events = EPOLLIN | EPOLLET;
    e.data.u32 = kTagConsole;
    epoll_ctl(s.epoll, EPOLL_CTL_MOD, s.console, &e);
  }
}

void console_input(Supervisor& s, Client& c) {
  char data[sizeof pending];
  ssize_t n = recv(c.fd, data, sizeof data, MSG_DONTWAIT);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
    close(c.fd);
    c.fd = -1;
    return;
  }
  if (n <= 0 || s.console < 0) return;  // between two boots: there is nobody to type to
  memcpy(pending, data, static_cast<size_t>(n));
  pending_size = static_cast<size_t>(n);
  flush_pending(s);
  if (pending_size > 0) set_clients_reading(s, false);
}

void resize_console(Supervisor& s, int rows, int columns) {
  if (s.console < 0 || rows <= 0 || columns <= 0) return;
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  ioctl(s.console, TIOCSWINSZ, &size);
}

// At the end the run directory goes; what init last said is kept beside the container.
void keep_console_log(Supervisor& s) {
  drain(s);
  Path to;
  to.add(s.setting("container_dir")).add("/console.log");
  copy_file(s.run_dir, "console.log", to.c_str());
  unlinkat(s.run_dir, "console.log", 0);
  unlinkat(s.run_dir, "console.log.1", 0);
}

}  // namespace tsct
