#include "exec/leaf.h"

#include <sys/stat.h>

#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {

namespace {

constexpr const char* kStep = "enter cgroup";
constexpr int kRacesMax = 50;
constexpr int kNamesMax = 8;

// The guest's root may have made a group of this name and turned it into one that takes no process: with
// controllers enabled for its children (EBUSY) or threaded (EOPNOTSUPP). Then the next name is tried.
bool is_unusable(int err) {
  return err == EBUSY || err == EOPNOTSUPP;
}

// Another tsct-exec removed the leaf after its last command, between our mkdir and our clone.
bool has_vanished(int err) {
  return err == ENOENT || err == ENODEV;
}

}  // namespace

void CgroupLeaf::make() {
  if (::mkdir(used_.c_str(), 0755) < 0) {
    if (errno == EEXIST) return;
    fail(kStep, "mkdir", used_);
  }
  // What delegation means (cgroups(7)): the container's root may move processes and make groups in it, and
  // may not change the limits, whose files stay the host's.
  for (const char* file : {"", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"}) {
    std::string path = used_ + file;
    if (::lchown(path.c_str(), owner_, owner_) < 0 && errno != ENOENT) fail(kStep, "lchown", path);
  }
}

pid_t CgroupLeaf::fork_into() {
  int name = 0;
  for (int race = 0; race < kRacesMax; race++) {
    used_ = name == 0 ? path_ : path_ + "-" + std::to_string(name);
    make();
    UniqueFd dir(::open(used_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    pid_t pid = -1;
    if (dir) {
      clone_args args{};
      args.flags = CLONE_INTO_CGROUP;
      args.exit_signal = SIGCHLD;
      args.cgroup = static_cast<uint64_t>(dir.get());
      pid = clone3(args);
    }
    if (pid >= 0) return pid;
    if (is_unusable(errno) && name < kNamesMax)
      name++;
    else if (!has_vanished(errno))
      fail(kStep, dir ? "clone3" : "open", used_);
  }
  fail(kStep, "clone3", used_);
}

// Never an error: another command may still run in it, or the guest has put something into it.
void CgroupLeaf::remove_if_empty() {
  if (!used_.empty()) ::rmdir(used_.c_str());
}

bool cgroup_is_frozen(const std::string& path) {
  std::string events = read_file(AT_FDCWD, path + "/cgroup.events", "read cgroup state from");
  return events.find("frozen 1") != std::string::npos;
}

}  // namespace tsct
