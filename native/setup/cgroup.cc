#include "setup/cgroup.h"

#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "setup/device_policy.h"
#include "setup/group_limits.h"
#include "setup/group_protection.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

using Driver = CgroupPlan::Driver;

constexpr int kAttempts = 100;

// Under systemd BASE is the group of the transient service: the line `0::` of /proc/PID/cgroup (cgroups(7)).
std::string own_group(pid_t pid, const std::string& mount) {
  std::istringstream lines(
      read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/cgroup", "find own cgroup"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::")) continue;
    std::string path = line.substr(3);
    for (const char* leaf : {"/supervisor", "/payload"})  // a second run of the same supervisor
      if (path.ends_with(leaf)) path.resize(path.size() - std::string(leaf).size());
    return mount + path;
  }
  refuse("find own cgroup", mount, "the process is in no cgroup v2 group");
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

// v1 cpuset groups are born empty and take no process until they have CPUs and memory nodes (cpuset(7)).
void inherit_cpuset(const std::string& group) {
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    std::string own = read_file(AT_FDCWD, group + file, "inherit cpuset");
    if (own.find_first_not_of(" \n") != std::string::npos) continue;
    write_file(AT_FDCWD, group + file, read_file(AT_FDCWD, parent_of(group) + file, "inherit cpuset"),
               "inherit cpuset");
  }
}

// mkdir -p below a hierarchy. Another container's end may remove an empty parent meanwhile: try again.
void make_group(const std::string& mount, const std::string& path, bool cpuset) {
  for (int attempt = 0;; attempt++) {
    bool gone = false;
    for (size_t at = path.find('/', 1); !gone; at = path.find('/', at + 1)) {
      std::string group = mount + path.substr(0, at);
      if (::mkdir(group.c_str(), 0755) < 0 && errno != EEXIST) {
        if (errno != ENOENT || attempt == kAttempts) fail("make cgroup", "mkdir", group);
        gone = true;
      } else if (cpuset) {
        inherit_cpuset(group);
      }
      if (at == std::string::npos) break;
    }
    if (!gone) return;
  }
}

// Removes the groups above one, up to the hierarchy's own, as far as nobody else is in them.
void remove_empty_above(const std::string& group, const std::string& mount) {
  for (std::string above = parent_of(group); above.size() > mount.size() && ::rmdir(above.c_str()) == 0;)
    above = parent_of(above);
}

// Passes every controller on to the children (cgroup-v2.rst, "Enabling and Disabling").
void enable_controllers(const std::string& group) {
  std::istringstream words(read_file(AT_FDCWD, group + "/cgroup.controllers", "enable controllers"));
  for (std::string name; words >> name;) {
    try {
      write_file(AT_FDCWD, group + "/cgroup.subtree_control", "+" + name, "enable controllers");
    } catch (const SysError& e) {
      // cpu cannot be enabled while real-time processes exist; what is missing shows when a limit is set.
      if (e.err != EINVAL && e.err != EBUSY && e.err != EOPNOTSUPP) throw;
    }
  }
}

// systemd hands on the controllers that it knows, and this it does not (257): it leaves it where it is.
void hand_down_hugetlb(const std::string& mount, const std::string& base) {
  for (size_t at = mount.size(); at != std::string::npos; at = base.find('/', at + 1))
    write_file(AT_FDCWD, base.substr(0, at) + "/cgroup.subtree_control", "+hugetlb", "enable controllers");
}

// Name of the first child, "" when there is none.
std::string first_child(int group) {
  int fd = ::openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* dir = fd < 0 ? nullptr : ::fdopendir(fd);
  if (!dir) return "";
  std::string name;
  while (dirent* entry = ::readdir(dir)) {
    std::string_view here = entry->d_name;
    if (entry->d_type != DT_DIR || here == "." || here == "..") continue;
    name = here;
    break;
  }
  ::closedir(dir);
  return name;
}

// Step by step with one descriptor: a guest may nest its groups deeper than a path name (PATH_MAX), the stack
// or the limit of open files reach. Nothing runs in them any more, so what has no child can be removed.
bool remove_tree(const std::string& group) {
  UniqueFd at(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return errno == ENOENT;
  for (std::vector<std::string> way;;) {
    std::string child = first_child(at.get());
    if (child.empty() && way.empty()) break;
    UniqueFd next(
        ::openat(at.get(), child.empty() ? ".." : child.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!next) return false;
    at = std::move(next);
    if (!child.empty()) {
      way.push_back(child);
      continue;
    }
    if (::unlinkat(at.get(), way.back().c_str(), AT_REMOVEDIR) < 0) return false;
    way.pop_back();
  }
  return ::rmdir(group.c_str()) == 0 || errno == ENOENT;
}

void kill_group(const std::string& group) {
  UniqueFd kill(::open((group + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
  if (!kill) return;
  if (::write(kill.get(), "1", 1) < 0) return;
}

bool populated(int events) {
  char text[256];
  ssize_t n = ::pread(events, text, sizeof text - 1, 0);
  text[std::max<ssize_t>(n, 0)] = 0;
  return std::string_view(text).find("populated 1") != std::string_view::npos;
}

// SIGKILL is not instant (a task in D state); cgroup.events tells by POLLPRI when the last one is gone.
void kill_and_wait(const std::string& group) {
  UniqueFd events(::open((group + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  if (!events) return;
  for (int round = 0; populated(events.get()); round++) {
    if (round == 20) refuse("empty cgroup", group, "processes are left 10 s after SIGKILL", EBUSY);
    kill_group(group);
    pollfd p{events.get(), POLLPRI, 0};
    if (populated(events.get())) ::poll(&p, 1, 500);
  }
}

// Slices first, with their limits: a group is born with the CPUs of the one above, which cannot lose them to
// it then. Another container's end may remove an empty slice meanwhile: try again.
void make_group_v1(const LaunchPlan& plan, size_t hierarchy, bool cpuset) {
  const CgroupPlan& c = plan.cgroup;
  const std::string& mount = c.v1[hierarchy].mount;
  for (int attempt = 0;; attempt++) {
    const GroupLimit* at = nullptr;
    try {
      for (const auto& limit : c.slice_limits) {
        if (limit.v1 != mount) continue;
        at = &limit;
        make_group(mount, limit.group, cpuset);
        set_limit(plan, limit, mount + limit.group);
      }
      return make_group(mount, c.path, cpuset);
    } catch (const SysError& e) {
      bool gone = at && ::access((mount + at->group).c_str(), F_OK) < 0;
      if (!gone || attempt == kAttempts) throw;
    }
  }
}

}  // namespace

Cgroups::Cgroups(const LaunchPlan& plan, pid_t supervisor) : plan_(plan), supervisor_(supervisor) {
  const CgroupPlan& c = plan.cgroup;
  base_ = c.driver == Driver::kSystemd ? own_group(supervisor, c.unified_mount) : c.unified_mount + c.path;
  for (const auto& hierarchy : c.v1) v1_.push_back(hierarchy.mount + c.path);
}

void Cgroups::create() const {
  const CgroupPlan& c = plan_.cgroup;
  if (c.driver != Driver::kSystemd) make_group(c.unified_mount, c.path, false);
  for (const auto& leaf : {supervisor(), payload()})
    if (::mkdir(leaf.c_str(), 0755) < 0 && errno != EEXIST) fail("make cgroup", "mkdir", leaf);
  // Inner groups hold no processes once controllers are on (cgroup-v2.rst): a unit's own group must be
  // emptied.
  if (c.driver == Driver::kSystemd) {
    for (pid_t pid : {supervisor_, ::getpid()})
      write_file(AT_FDCWD, supervisor() + "/cgroup.procs", std::to_string(pid), "enter supervisor cgroup");
  }
  enable(c.limits);
  enable(c.slice_limits);
  if (c.driver != Driver::kHybrid) {
    // On payload and not on BASE: tsct-setup, in `supervisor`, has nodes to make. The guest owns the
    // directory, but taking a program off needs CAP_NET_ADMIN in the first user namespace
    // (kernel/bpf/cgroup.c).
    attach_device_policy(open_payload().get(), plan_.device_rules);
  }
  for (const auto& limit : c.slice_limits)
    if (limit.v1.empty()) set_limit(plan_, limit, c.unified_mount + limit.group);
  for (const auto& limit : c.limits)
    if (limit.v1.empty()) set_limit(plan_, limit, limit.base ? base_ : payload());
  share_kept(c.limits);
  hand_over_payload();
}

void Cgroups::share_kept(const std::vector<GroupLimit>& limits) const {
  auto is_kept = [](const GroupLimit& l) { return l.file == "memory.min" || l.file == "memory.low"; };
  if (std::any_of(limits.begin(), limits.end(), is_kept)) share_protection(plan_.cgroup.unified_mount, base_);
}

// Down to the payload. A hybrid host's v2 tree is left as it is for as long as nobody has a limit there.
void Cgroups::enable(const std::vector<GroupLimit>& limits) const {
  const CgroupPlan& c = plan_.cgroup;
  bool limits_v2 =
      std::any_of(limits.begin(), limits.end(), [](const GroupLimit& l) { return l.v1.empty(); });
  auto is_huge = [](const GroupLimit& l) { return l.file.starts_with("hugetlb."); };
  if (c.driver == Driver::kV2 || (c.driver == Driver::kHybrid && limits_v2)) {
    enable_controllers(c.unified_mount);
    for (size_t at = c.path.find('/', 1); at != std::string::npos; at = c.path.find('/', at + 1))
      enable_controllers(c.unified_mount + c.path.substr(0, at));
  }
  if (c.driver == Driver::kSystemd && std::any_of(limits.begin(), limits.end(), is_huge))
    hand_down_hugetlb(c.unified_mount, base_);
  enable_controllers(base_);
}

void Cgroups::change(const std::vector<GroupLimit>& limits) const {
  enable(limits);
  for (const auto& limit : limits)
    set_limit(plan_, limit,
              limit.v1.empty() ? (limit.base ? base_ : payload()) : limit.v1 + plan_.cgroup.path);
  share_kept(limits);
}

std::vector<UniqueFd> Cgroups::create_v1() const {
  std::vector<UniqueFd> tasks;
  for (size_t i = 0; i < v1_.size(); i++) {
    const auto& controllers = plan_.cgroup.v1[i].controllers;
    auto has = [&](const char* name) {
      return std::find(controllers.begin(), controllers.end(), name) != controllers.end();
    };
    make_group_v1(plan_, i, has("cpuset"));
    if (has("devices")) {
      UniqueFd dir(
          check(::open(v1_[i].c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open cgroup", "open", v1_[i]));
      write_device_policy(dir.get(), plan_.device_rules);
    }
    if (has("blkio")) count_disk(plan_, v1_[i]);
    for (const auto& limit : plan_.cgroup.limits)
      if (limit.v1 == plan_.cgroup.v1[i].mount) set_limit(plan_, limit, v1_[i]);
    std::string path = v1_[i] + "/tasks";
    tasks.emplace_back(check(::open(path.c_str(), O_WRONLY | O_CLOEXEC), "enter cgroup v1", "open", path));
  }
  return tasks;
}

void Cgroups::change_device_policy() const {
  if (plan_.cgroup.driver != Driver::kHybrid)
    return attach_device_policy(open_payload().get(), plan_.device_rules);
  std::string group = v1_of("devices");
  if (group.empty()) return;
  UniqueFd dir(
      check(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open cgroup", "open", group));
  tsct::change_device_policy(dir.get(), plan_.device_rules);
}

// Only what /sys/kernel/cgroup/delegate lists: never a limit (systemd's CGROUP_DELEGATION says the same).
void Cgroups::hand_over_payload() const {
  uid_t uid = plan_.root_uid();
  gid_t gid = plan_.root_gid();
  check(::chown(payload().c_str(), uid, gid), "hand over cgroup", "chown", payload());
  std::istringstream files(read_file(AT_FDCWD, "/sys/kernel/cgroup/delegate", "hand over cgroup"));
  for (std::string name; files >> name;) {
    std::string path = payload() + "/" + name;
    if (::chown(path.c_str(), uid, gid) < 0 && errno != ENOENT) fail("hand over cgroup", "chown", path);
  }
}

std::string Cgroups::v1_of(const std::string& controller) const {
  for (size_t i = 0; i < v1_.size(); i++) {
    const auto& controllers = plan_.cgroup.v1[i].controllers;
    if (std::find(controllers.begin(), controllers.end(), controller) != controllers.end()) return v1_[i];
  }
  return "";
}

UniqueFd Cgroups::open_payload() const {
  return UniqueFd(
      check(::open(payload().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open cgroup", "open", payload()));
}

std::string make_host_group(const std::string& mount, const std::string& path) {
  make_group(mount, path, false);
  return mount + path;
}

void end_host_group(const std::string& path) {
  kill_and_wait(path);
  if (!remove_tree(path)) refuse("remove cgroup", path, "is not empty", EBUSY);
  ::rmdir(parent_of(path).c_str());
}

void Cgroups::remove() const {
  kill_and_wait(payload());
  if (!remove_tree(payload())) refuse("remove cgroup", payload(), "is not empty", EBUSY);
  try {
    if (drop_protection(base_)) share_protection(plan_.cgroup.unified_mount, base_);
  } catch (const SysError&) {  // more is kept above than anybody was promised: nobody is the worse for it
  }
  for (size_t i = 0; i < v1_.size(); i++) {
    remove_tree(v1_[i]);
    remove_empty_above(v1_[i], plan_.cgroup.v1[i].mount);  // the last container's end removes /tsct itself
  }
  if (plan_.cgroup.driver == Driver::kSystemd) return;  // the rest is the service manager's
  ::rmdir(supervisor().c_str());
  if (::rmdir(base_.c_str()) == 0) remove_empty_above(base_, plan_.cgroup.unified_mount);
}

}  // namespace tsct
