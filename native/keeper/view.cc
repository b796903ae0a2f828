// Who needs lxcfs: containers, whose supervisors are connected to RUNDIR/users (SOCK_SEQPACKET).
//
//   keeper                              supervisor, or tsct-setup
//     |--- kStarting|kUp|kDown, `+`|`-` ->|   once: how lxcfs is, and whether others are connected
//     |--- {kUp|kDown, deaths} ---------->|   each time that it changes
//     |<-- {kUp|kDown, deaths} -----------|   the guest sees what was said by then, and so no dead lxcfs
//
// lxcfs runs in a mount namespace that holds the host's root, /usr, /proc, /sys, /dev and a /run of its own:
// what else the host has mounted must not be held by it. Who binds its files into a guest enters there.
//
// A FUSE connection ends when nobody has it open, and every read fails with ENOTCONN. So it is kept open when
// lxcfs dies, whose readers wait meanwhile, until all guests are rid of its files. Then they are told ESTALE:
// open(2) then looks the path up again (fs/namei.c, do_filp_open()) and finds the guest's own file.
#include "supervisor/view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <initializer_list>

#include "keeper/keeper.h"
#include "supervisor/text.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

// For a supervisor that does not answer, a reader between open and read.
constexpr int64_t kPatienceMs = 10000;
constexpr int kChildFdsMax = 256;

const char* place;  // where lxcfs mounts itself
int mountinfo = -1, listener = -1;
int users[kUsersMax];
bool holding[kUsersMax];  // has not said yet that its guest is rid of the dead one
int user_count = 0;
int fuse = -1, dead_fuse = -1;
int64_t answer_at_ms = 0;
bool up = false, is_free = false;  // is_free: no guest sees the dead one any more
uint8_t deaths = 0;
// The kernel refuses to read into less than it may have to say: fs/fuse/dev.c, fuse_dev_do_read().
alignas(8) char request[(1 << 20) + 8192];

void bind_tree(const char* from, const char* root, bool recursive) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  int tree = open_tree(AT_FDCWD, from, flags);
  if (tree < 0 && errno == ENOENT) return;
  Path to;
  to.add(root).add(from);
  if (tree < 0 || move_mount(tree, "", AT_FDCWD, to.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0)
    refuse("bind", to.c_str());
  close(tree);
}

void leave_host_mounts(const char* run_dir) {
  if (unshare(CLONE_NEWNS) < 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
    refuse("unshare", "mounts");
  bind_tree("/", run_dir, false);
  for (const char* name : {"/usr", "/proc", "/sys", "/dev"}) bind_tree(name, run_dir, true);
  Path run;
  run.add(run_dir).add("/run");
  if (mount("tsct", run.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=1m") < 0)
    refuse("mount", run.c_str());
  if (chdir(run_dir) < 0 || pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
    refuse("pivot into", run_dir);
  if (mkdir(place, 0755) < 0) refuse("make", place);
}

void listen_at(const char* run_dir) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  Text<sizeof address.sun_path> path;
  path.add(run_dir).add("/users");
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  unlink(path.c_str());
  umask(077);
  listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
      listen(listener, kUsersMax) < 0)
    refuse("listen at", path.c_str());
  umask(022);
}

bool is_mounted() {
  struct statx st;
  // Never asks lxcfs, which may not answer.
  return statx(AT_FDCWD, place, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &st) == 0 &&
         (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

void tell_all(char state) {
  ViewWord word{state, deaths};
  for (int i = 0; i < user_count; i++) send(users[i], &word, sizeof word, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// The child's connection to the kernel.
int take_fuse() {
  int pidfd = pidfd_open(keeper.child), found = -1;
  for (int fd = 0; pidfd >= 0 && fd < kChildFdsMax && found < 0; fd++) {
    Text<64> link;
    char target[16];
    link.add("/proc/").number(keeper.child).add("/fd/").number(fd);
    ssize_t n = readlink(link.c_str(), target, sizeof target);
    if (n == 9 && !memcmp(target, "/dev/fuse", 9)) found = pidfd_getfd(pidfd, fd);
  }
  close(pidfd);
  return found;
}

void answer_stale(const fuse_in_header& asked) {
  if (asked.opcode == FUSE_FORGET || asked.opcode == FUSE_BATCH_FORGET || asked.opcode == FUSE_INTERRUPT)
    return;
  fuse_out_header answer{sizeof answer, -ESTALE, asked.unique};
  if (write(dead_fuse, &answer, sizeof answer) < 0) { /* it is not waited for any more */
  }
}

void answer_readers() {
  if (dead_fuse < 0) return;
  fcntl(dead_fuse, F_SETFL, O_NONBLOCK);
  // FUSE_NOTIFY_RESEND, since 6.9: what lxcfs had taken and not answered comes again. Before, those few get
  // ECONNABORTED.
  fuse_out_header again{sizeof again, 7, 0};
  if (write(dead_fuse, &again, sizeof again) < 0) { /* an older kernel */
  }
  while (read(dead_fuse, request, sizeof request) >= static_cast<ssize_t>(sizeof(fuse_in_header)))
    answer_stale(*reinterpret_cast<const fuse_in_header*>(request));
}

void let_dead_go() {
  answer_readers();
  if (dead_fuse >= 0) close(dead_fuse);
  dead_fuse = -1;
  answer_at_ms = 0;
}

void answer_when_free() {
  for (int i = 0; i < user_count; i++)
    if (holding[i]) return;
  is_free = true;
  answer_readers();
}

// False when it has gone.
bool hear(int i) {
  ViewWord word;
  ssize_t n = recv(users[i], &word, sizeof word, MSG_DONTWAIT);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return false;
  if (n == sizeof word && word.deaths == deaths) holding[i] = false;
  return true;
}

void drop(int i) {
  close(users[i]);
  user_count--;
  users[i] = users[user_count];
  holding[i] = holding[user_count];
  if (user_count == 0) keeper.look_at_ms = now_ms() + kKeeperUnusedMs;
}

void accept_users() {
  for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
    char hello[2] = {up ? kViewUp : keeper.child ? kViewStarting : kViewDown, user_count > 0 ? '+' : '-'};
    if (user_count == kUsersMax || send(fd, hello, sizeof hello, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      close(fd);
      continue;
    }
    users[user_count] = fd;
    holding[user_count++] = false;
  }
}

}  // namespace

void open_view(const char* run_dir, const char* mount_point) {
  place = mount_point;
  listen_at(run_dir);
  leave_host_mounts(run_dir);
  mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (mountinfo < 0) refuse("open", "/proc/self/mountinfo");
}

int poll_view(pollfd* fds) {
  fds[0] = {mountinfo, POLLPRI, 0};  // proc_pid_mountinfo(5): tells of changes
  fds[1] = {listener, POLLIN, 0};
  fds[2] = {is_free ? dead_fuse : -1, POLLIN, 0};
  for (int i = 0; i < user_count; i++) fds[3 + i] = {users[i], POLLIN, 0};
  return 3 + user_count;
}

void on_view(const pollfd* fds) {
  int polled = user_count;
  for (int i = polled; i-- > 0;)
    if (fds[3 + i].revents && !hear(i)) drop(i);
  if (dead_fuse >= 0 && (!is_free || fds[2].revents)) answer_when_free();
  if (fds[1].revents) accept_users();
  if (!up && keeper.child && is_mounted()) {
    up = true;
    fuse = take_fuse();
    tell_all(kViewUp);
  }
}

bool has_user() {
  return user_count > 0;
}

void on_view_end() {
  let_dead_go();  // of one before it
  if (is_mounted()) umount2(place, MNT_DETACH);
  dead_fuse = fuse;
  is_free = false;
  fuse = -1;
  up = false;
  deaths++;
  for (int i = 0; i < user_count; i++) holding[i] = true;
  tell_all(kViewDown);
  answer_at_ms = now_ms() + kPatienceMs;
  answer_when_free();
}

int64_t view_time_ms() {
  return answer_at_ms;
}

void on_view_time(int64_t now) {
  if (answer_at_ms && now >= answer_at_ms) let_dead_go();
}

}  // namespace tsct
