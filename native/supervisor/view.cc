// What the keeper of lxcfs says: each time tsct-setup shows the guest what there is then, lxcfs' files or its
// own. A keeper that was killed is had again by the same way.
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"

namespace tsct {
namespace {

void let_go(Supervisor& s) {
  if (s.view >= 0) close(s.view);
  s.view = -1;
}

void renew(Supervisor& s) {
  s.view_again = s.view_setup_pid != 0 || s.state != State::kRunning;
  if (s.view_again) return;
  int log = open_log(s);
  s.view_setup_pid = spawn_setup(s, "renew-view", s.view, log);
  close(log);
}

void try_view_later(Supervisor& s) {
  try_later(s, "lxcfs: what the guest sees of it is not up to date", s.view_delay_ms, s.view_timer,
            kTagViewTimer);
}

}  // namespace

void watch_view(Supervisor& s, int connection) {
  let_go(s);
  s.view = connection;
  watch(s, connection, EPOLLIN, kTagView);
}

void on_view(Supervisor& s) {
  ViewWord word;
  ssize_t n = 1;
  while (s.view >= 0 && (n = recv(s.view, &word, sizeof word, MSG_DONTWAIT)) > 0) s.view_word = word;
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) let_go(s);
  renew(s);
}

void on_view_started(Supervisor& s) {
  if (s.view_again) renew(s);
}

void on_view_timer(Supervisor& s) {
  uint64_t expirations;
  if (read(s.view_timer, &expirations, sizeof expirations) == sizeof expirations) renew(s);
}

void on_view_setup_end(Supervisor& s, bool done) {
  s.view_setup_pid = 0;
  if (s.tearing_down) return;
  if (s.view_again) return renew(s);
  if (!done) return try_view_later(s);
  s.view_delay_ms = 0;
  // The keeper waits for it with what would be a reader's error.
  if (s.view >= 0 && send(s.view, &s.view_word, sizeof s.view_word, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    // it has gone, which is told next
  }
}

void forget_view(Supervisor& s) {
  let_go(s);
  if (s.view_setup_pid) kill(s.view_setup_pid, SIGKILL);
  if (s.view_timer >= 0) set_timer(s.view_timer, 0);
  s.view_delay_ms = 0;
  s.view_again = false;
}

}  // namespace tsct
