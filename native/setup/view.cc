#include "setup/view.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "setup/keeper.h"
#include "setup/mount.h"
#include "setup/plan.h"
#include "setup/service_dir.h"
#include "supervisor/view.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "show share of CPUs and memory";
constexpr int kStartingMs = 2000;

Keeper keeper_of(const ViewPlan& plan) {
  std::string name = plan.run_dir.substr(plan.run_dir.rfind('/') + 1);  // `.lxcfs` and the state root's hash
  return {plan.run_dir,    plan.mount_point, plan.service, "/tsct/" + name, "tsct" + name + ".service",
          "lxcfs of tsct", "start lxcfs"};
}

// Empty: nobody listens there.
UniqueFd connect_to_keeper(const ViewPlan& plan) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = plan.run_dir + "/users";
  if (path.size() >= sizeof address.sun_path) refuse(kStep, path, "is too long a path", ENAMETOOLONG);
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(check(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), kStep, "socket"));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  if (errno != ENOENT && errno != ECONNREFUSED) fail(kStep, "connect", path);
  return UniqueFd();
}

struct Hello {
  char state = 0;
  bool others = false;
};

// 0 for the state: it ended meanwhile.
Hello read_hello(int connection) {
  char said[2] = {};
  ssize_t n;
  do {
    n = ::recv(connection, said, sizeof said, 0);
  } while (n < 0 && errno == EINTR);
  return n == 2 ? Hello{said[0], said[1] == '+'} : Hello{};
}

struct User {
  UniqueFd connection;
  Hello hello;
};

User join(const ViewPlan& plan) {
  User user;
  user.connection = connect_to_keeper(plan);
  if (user.connection) user.hello = read_hello(user.connection.get());
  return user;
}

// The lock is held until the keeper counts us.
User become_user(const ViewPlan& plan, const CgroupPlan& cgroup) {
  for (;;) {
    {
      UniqueFd shared = lock_service_dir(plan.run_dir, LOCK_SH);
      User user = join(plan);
      if (user.hello.state) return user;
    }
    UniqueFd exclusive = lock_service_dir(plan.run_dir, LOCK_EX);
    start_keeper(keeper_of(plan), cgroup);
    User user = join(plan);
    if (user.hello.state) return user;
  }
}

// What the keeper says last within the time. It goes on to say what changes.
char await_state(int connection, char state) {
  while (state == kViewStarting) {
    pollfd heard{connection, POLLIN, 0};
    if (::poll(&heard, 1, kStartingMs) <= 0) break;
    ViewWord word;
    if (::recv(connection, &word, sizeof word, 0) != static_cast<ssize_t>(sizeof word)) break;
    state = word.state;
  }
  return state;
}

// Empty: it is gone.
UniqueFd mounts_of_keeper(const ViewPlan& plan) {
  pid_t keeper = keeper_pid(plan.run_dir);
  if (keeper <= 1) return UniqueFd();
  return UniqueFd(::open(("/proc/" + std::to_string(keeper) + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
}

// It dies as it pleases: what is not to be had is not shown.
std::vector<ViewFile> clone_files(const ViewPlan& plan) {
  std::vector<ViewFile> out;
  for (const auto& file : plan.files) {
    std::string path = plan.mount_point + file;
    UniqueFd mount(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (!mount) return {};
    out.push_back({file, std::move(mount)});
  }
  return out;
}

// Entered and left again.
std::vector<ViewFile> files_in(int mounts, const ViewPlan& plan) {
  const char* own = "/proc/self/ns/mnt";
  UniqueFd here(check(::open(own, O_RDONLY | O_CLOEXEC), kStep, "open", own));
  if (mounts < 0 || ::setns(mounts, CLONE_NEWNS) < 0) return {};
  std::vector<ViewFile> out = clone_files(plan);
  check(::setns(here.get(), CLONE_NEWNS), kStep, "setns", own);
  return out;
}

}  // namespace

View::View(const LaunchPlan& plan) {
  if (!plan.view) return;
  plan_ = &*plan.view;
  User user = become_user(*plan_, plan.cgroup);
  connection_ = std::move(user.connection);
  state_ = user.hello.state;
  mounts_ = mounts_of_keeper(*plan_);  // here, because staging hides the run directory
}

std::vector<ViewFile> View::files() const {
  if (!plan_ || await_state(connection_.get(), state_) != kViewUp) return {};
  return files_in(mounts_.get(), *plan_);
}

std::vector<ViewFile> view_files(const ViewPlan& plan) {
  return files_in(mounts_of_keeper(plan).get(), plan);
}

UniqueFd join_view(const LaunchPlan& plan) {
  return become_user(*plan.view, plan.cgroup).connection;
}

void cover_with_view(const std::vector<ViewFile>& files, int root_fd) {
  for (const auto& [path, mount] : files) {
    UniqueFd target(openat2(root_fd, path.c_str(), O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
    if (!target && (errno == ENOENT || errno == ENOTDIR)) continue;
    if (!target) fail(kStep, "openat2", path);
    attach_view(mount.get(), target.get(), path);
  }
}

void attach_view(int mount, int target, const std::string& path) {
  set_mount_attributes(mount, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0,
                       false, -1, kStep, path);
  attach_mount(mount, target, kStep, path);
}

void leave_view(const LaunchPlan& plan) {
  if (!plan.view) return;
  UniqueFd exclusive = lock_service_dir_if_there(plan.view->run_dir, LOCK_EX);
  if (!exclusive || join(*plan.view).hello.others) return;
  stop_keeper(keeper_of(*plan.view), plan.cgroup);
  remove_service_dir(plan.view->run_dir);
}

}  // namespace tsct
