// Another network for a container that runs: from what the plan tells as `leaving` to what it has. Each step
// looks at what there is, so that a change that was killed is gone on with, or undone, by another one.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "setup/control_client.h"
#include "setup/interface.h"
#include "setup/keeper.h"
#include "setup/network.h"
#include "setup/network_namespace.h"
#include "setup/network_up.h"
#include "setup/nft.h"
#include "setup/port_change.h"
#include "setup/reply_routes.h"
#include "setup/tree.h"
#include "setup/user_namespace.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "enter network of container";

// The container's network namespace, and a socket of it.
class Inside {
 public:
  explicit Inside(int init) {
    in_network_namespace(init, [&] {
      netns_.reset(check(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), kStep, "open", "ns/net"));
      netlink_.emplace();
    });
  }
  int netns() const { return netns_.get(); }
  NetlinkSocket& netlink() { return *netlink_; }

 private:
  UniqueFd netns_;
  std::optional<NetlinkSocket> netlink_;
};

// By what every interface of a container is called on the host, whatever its kind.
const InterfacePlan* find(const NetworkPlan& plan, const InterfacePlan& interface) {
  for (const auto& other : plan.interfaces)
    if (other.alt_name == interface.alt_name) return &other;
  return nullptr;
}

const NetworkUse* find_use(const NetworkPlan& plan, const NetworkUse& network) {
  for (const auto& use : plan.networks)
    if (use.run_dir == network.run_dir) return &use;
  return nullptr;
}

// What stays is added again in the same change, so that it is there all the time.
std::string rules_to_remove(const NetworkPlan& from, const NetworkPlan& to) {
  std::string text;
  for (const auto& before : from.interfaces) {
    const InterfacePlan* now = find(to, before);
    bool same = now && now->bridge == before.bridge && now->rules_add == before.rules_add;
    if (!same && !before.rules_remove.empty()) text += before.rules_remove + "\n";
  }
  return text;
}

// /proc is asked by number, which is init's for as long as it has not ended.
UniqueFd root_of(int pidfd) {
  std::string info = read_file(AT_FDCWD, "/proc/self/fdinfo/" + std::to_string(pidfd), kStep);
  size_t at = info.find("\nPid:");
  int pid = at == std::string::npos ? 0 : atoi(info.c_str() + at + 5);
  std::string path = "/proc/" + std::to_string(pid) + "/root";
  UniqueFd root(check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), kStep, "open", path));
  check(pidfd_send_signal(pidfd, 0), kStep, "pidfd_send_signal", "init");
  return root;
}

class Change {
 public:
  Change(const LaunchPlan& plan, const RunningInit& init)
      : plan_(plan),
        from_(plan.network.leaving.empty() ? none_ : plan.network.leaving[0]),
        to_(plan.network),
        inside_(init.pidfd.get()),
        run_dir_(check(::open(plan.run_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), kStep, "open",
                       plan.run_dir)),
        ports_(plan, init.supervisor) {}

  void run() {
    sort_out();
    ports_.bind();
    refuse_taken_names();
    Connection connection(plan_);
    connection.enter();
    // A link goes before what fences it in.
    for (const auto* interface : gone_) remove(*interface);
    connection.load_rules(rules_to_remove(from_, to_));
    pin();
    connection.connect_to(inside_.netns(), made_);
    connection.finish();
    for (const auto* interface : made_) configure_interface(inside_.netlink(), *interface);
    for (const auto* interface : changed_) change(*interface);
    for (const auto& network : from_.networks) leave(network);
    if (!needs_pin(to_)) unpin_namespace(plan_.run_dir);
    ports_.commit();
  }

 private:
  std::optional<Link> link_of(const InterfacePlan& interface) {
    std::optional<Link> link = find_link(netlink_, interface.host_name);
    if (link && !is_end_of(*link, interface)) return {};
    return link;
  }

  // Somebody may have deleted a veth: it is made again. What is in the container's namespace alone and is
  // new, or other than it was, is taken away first where a change was killed after it had made it.
  void sort_out() {
    for (const auto& before : from_.interfaces) {
      const InterfacePlan* now = find(to_, before);
      bool remade = now && std::find(to_.remade.begin(), to_.remade.end(), now->name) != to_.remade.end();
      if (!now || remade) gone_.push_back(&before);
      if (now && !remade && (!now->is_veth() || link_of(*now))) changed_.push_back(now);
    }
    for (const auto& now : to_.interfaces) {
      if (std::find(changed_.begin(), changed_.end(), &now) != changed_.end()) continue;
      made_.push_back(&now);
      if (!now.is_veth() || link_of(now)) gone_.push_back(&now);
    }
  }

  void remove(const InterfacePlan& interface) {
    remove_interface(netlink_, interface, {inside_.netns(), run_dir_.get()});
    inside_.netlink().run(forget_reply_requests(interface));
  }

  void pin() {
    bool needed =
        std::any_of(made_.begin(), made_.end(), [](const InterfacePlan* i) { return !i->is_veth(); });
    if (needed && !open_pinned_namespace(plan_.run_dir)) pin_namespace(plan_.run_dir, inside_.netns(), -1);
  }

  void refuse_taken_names() {
    for (const auto* interface : made_) {
      bool own = std::any_of(gone_.begin(), gone_.end(),
                             [&](const InterfacePlan* before) { return before->name == interface->name; });
      if (!own && find_link(inside_.netlink(), interface->name))
        refuse("make link", interface->name, "the container has made one of that name itself", EEXIST);
      if (!interface->bridge.empty() && interface->rules_add.empty() &&
          !find_link(netlink_, interface->bridge))
        refuse("join link to bridge", interface->bridge, "there is no such link", ENODEV);
    }
  }

  // By its other end, if that tells: the guest may have given it another name.
  int index_inside(const InterfacePlan& interface) {
    std::optional<Link> link = link_of(interface);
    if (link && link->kind == "veth" && link->peer) return link->peer;
    std::optional<Link> own = find_link(inside_.netlink(), interface.name);
    if (!own) refuse("change link", interface.name, "it is not there any more", ENODEV);
    return own->index;
  }

  void change(const InterfacePlan& now) {
    if (now.kind == InterfaceKind::kRouted)
      return NftRun(now.ruleset, {}).expect("load rules of", plan_.name);
    if (now.kind != InterfaceKind::kBridge) return;  // made anew with any difference
    const InterfacePlan& before = *find(from_, now);
    netlink_.run(change_requests(before, now));
    inside_.netlink().run(change_inside_requests(before, now, index_inside(now)));
    inside_.netlink().run(change_reply_requests(before, now, index_inside(now)));
  }

  bool is_still_on(const InterfacePlan& before) {
    const InterfacePlan* now = find(to_, before);
    return now && now->bridge == before.bridge;
  }

  void leave(const NetworkUse& network) {
    NetworkFiles files(network.run_dir);
    const NetworkUse* now = find_use(to_, network);
    if (UniqueFd shared = files.lock_if_there(LOCK_SH)) {
      for (const auto& before : from_.interfaces)
        if (before.bridge == network.bridge && !is_still_on(before)) files.remove_port(before.host_name);
      if (!now) files.remove_records(plan_.key);
      if (!now || now->hosts != network.hosts || now->dhcp != network.dhcp) reload_service(network.run_dir);
    }
    if (!now) take_down_if_unused(netlink_, network, files, plan_.cgroup);
  }

  const LaunchPlan& plan_;
  const NetworkPlan none_;
  const NetworkPlan &from_, &to_;
  NetlinkSocket netlink_;
  Inside inside_;
  UniqueFd run_dir_;
  PortChange ports_;
  std::vector<const InterfacePlan*> gone_, made_, changed_;
};

}  // namespace

namespace {

// As the guest's root, and on the file system of its root only: what is mounted over it may be the host's, or
// a program of the guest's that never answers.
void edit_running(const LaunchPlan& plan, const RunningInit& init, const std::vector<FileEdit>& edits) {
  UniqueFd root = root_of(init.pidfd.get());
  std::vector<FileEdit> possible;
  for (const auto& edit : edits) {
    std::string directory = "." + edit.path.substr(0, edit.path.rfind('/') + 1);
    UniqueFd there(openat2(root.get(), directory.c_str(), O_PATH | O_DIRECTORY,
                           RESOLVE_IN_ROOT | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS));
    if (there) possible.push_back(edit);
  }
  ActAs guest(plan.root_uid(), plan.root_gid());
  apply_file_edits(possible, root.get());
}

}  // namespace

UniqueFd lock_changes(const LaunchPlan& plan, bool make) {
  std::string path = plan.run_dir + "/network.lock";
  for (;;) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | (make ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd && errno == ENOENT && !make) return fd;
    check(fd.get(), "lock network of container", "open", path);
    while (::flock(fd.get(), LOCK_EX) < 0)
      if (errno != EINTR) fail("lock network of container", "flock", path);
    struct stat held, named;
    if (::fstat(fd.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino)
      return fd;
    if (!make) return {};
  }
}

void change_network(const LaunchPlan& plan, const std::vector<FileEdit>& edits) {
  try {
    UniqueFd busy = lock_changes(plan, true);
    RunningInit init = find_init(plan.run_dir);
    hand_plan(plan, 0);
    Change(plan, init).run();
    if (!edits.empty()) edit_running(plan, init, edits);
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "network";
    throw;
  }
}

}  // namespace tsct
