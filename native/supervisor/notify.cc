// The guest's side of sd_notify(3): PID 1 says READY=1 and STATUS= on /run/host/notify.
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"

namespace tsct {

void notify_manager(const char* text) {
  const char* path = getenv("NOTIFY_SOCKET");
  if (!path || !*path) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  socklen_t size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sendto(fd, text, strlen(text), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size);
  close(fd);
}

void set_ready(Supervisor& s, const char* by) {
  if (*s.ready_by) return;
  s.ready_by = by;
  s.init_kind = find_init_kind(s.init);  // sysvinit shows only once it has made its order pipe
  Line line;
  line.add("{\"event\":\"ready\",\"by\":").quoted(by).add("}\n");
  publish(s, line.c_str());
}

void on_notify(Supervisor& s) {
  char text[1024];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];  // and no room for descriptors
  iovec iov{text, sizeof text - 1};
  msghdr msg{};
  msg.msg_iov = &iov;
  msg.msg_iovlen = 1;
  msg.msg_control = control;
  msg.msg_controllen = sizeof control;
  ssize_t n = recvmsg(s.notify, &msg, MSG_DONTWAIT | MSG_PEEK);
  if (n < 0) return;
  // It carries descriptors, which kernels before 6.16 let a guest send. Whoever takes it closes them, and
  // that may block for as long as the guest likes (SO_LINGER): it stays where it is, and with it all that
  // comes after.
  if (msg.msg_flags & MSG_CTRUNC) return watch(s, s.notify, 0, kTagNotify);
  recv(s.notify, nullptr, 0, MSG_DONTWAIT);
  pid_t sender = 0;
  for (cmsghdr* c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS) continue;
    ucred cred;
    memcpy(&cred, CMSG_DATA(c), sizeof cred);
    sender = cred.pid;
  }
  if (sender != s.init || s.init == 0) return;  // only PID 1 speaks for the system
  text[n] = 0;
  for (char* line = text; line && *line;) {
    char* end = strchr(line, '\n');
    if (end) *end = 0;
    if (!strcmp(line, "READY=1") && *s.setting("readiness_notify") == '1') set_ready(s, "notify");
    if (!strncmp(line, "STATUS=", 7)) {
      strncpy(s.status_text, line + 7, sizeof s.status_text - 1);
      s.status_text[sizeof s.status_text - 1] = 0;
    }
    line = end ? end + 1 : nullptr;
  }
}

}  // namespace tsct
