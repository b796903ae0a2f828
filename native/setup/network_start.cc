// A start's part of the network, by outer. The lock of each network is held shared from the moment it is
// known to be up until the link is its port: an end that finds no port then takes it for unused.
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>

#include "setup/channel.h"
#include "setup/network.h"
#include "setup/network_up.h"
#include "setup/nft_elements.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

template <class Fn>
void in_stage(Fn&& body) {
  try {
    body();
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "network";
    throw;
  }
}

Link find_bridge(NetlinkSocket& netlink, const InterfacePlan& plan) {
  std::optional<Link> bridge = find_link(netlink, plan.bridge);
  if (!bridge) refuse("join link to bridge", plan.bridge, "there is no such link", ENODEV);
  if (bridge->kind != "bridge")
    refuse("join link to bridge", plan.bridge, "it is no bridge but a " + bridge->description());
  return *bridge;
}

// Says who has the name. What is ours was left by a run that nobody has cleaned up after.
void make_room(NetlinkSocket& netlink, const InterfacePlan& plan) {
  for (const auto& name : {plan.host_name, plan.alt_name}) {
    std::optional<Link> holder = find_link(netlink, name);
    if (!holder) continue;
    if (!holder->is_called(plan.alt_name))
      refuse("make link", plan.host_name, "the name is taken by a " + holder->description(), EEXIST);
    netlink.run({delete_request(*holder)});
  }
}

void make_link(NetlinkSocket& netlink, const InterfacePlan& plan, pid_t inner) {
  NetlinkRequest request = new_veth_request(plan, inner);
  try {
    netlink.run({request});
  } catch (const SysError& e) {
    if (e.err != EEXIST) throw;
    make_room(netlink, plan);
    netlink.run({request});
  }
}

void load_tables_again(const NetworkPlan& plan) {
  for (const auto& network : plan.networks) {
    NetworkFiles files(network.run_dir);
    UniqueFd exclusive = files.lock(LOCK_EX);
    load_tables(network, files, exclusive);
  }
}

}  // namespace

Connection::Connection(const LaunchPlan& plan) : plan_(plan) {}

void Connection::enter(const NetworkUse& network) {
  NetworkFiles files(network.run_dir);
  for (;;) {
    UniqueFd shared = files.lock(LOCK_SH);
    if (find_network(*netlink_, network, files)) {
      files.write_records(network, plan_.key);
      for (const auto& interface : plan_.network.interfaces)
        if (interface.bridge == network.bridge)
          ports_.push_back(files.write_port({interface.host_name, interface.rules_add}));
      locks_.push_back(std::move(shared));
      return;
    }
    shared.reset();
    UniqueFd exclusive = files.lock(LOCK_EX);
    if (!find_network(*netlink_, network, files))
      bring_up_network(*netlink_, network, files, plan_.cgroup, exclusive);
  }
}

void Connection::prepare() {
  if (!wanted()) return;
  in_stage([&] {
    netlink_ = std::make_unique<NetlinkSocket>();
    host_mounts_.reset(check(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), "find host's mounts", "open",
                             "/proc/self/ns/mnt"));
    // One order for everybody: nobody waits for a network while holding one that comes later.
    std::vector<const NetworkUse*> networks;
    for (const auto& network : plan_.network.networks) networks.push_back(&network);
    std::sort(networks.begin(), networks.end(),
              [](const NetworkUse* a, const NetworkUse* b) { return a->run_dir < b->run_dir; });
    for (const NetworkUse* network : networks) enter(*network);
    std::string rules;
    for (const auto& interface : plan_.network.interfaces)
      if (!interface.rules_add.empty()) rules += interface.rules_add + "\n";
    NetfilterSocket netfilter;
    if (!change_elements(rules, netfilter)) {
      std::vector<int> locks;
      for (const auto& port : ports_) locks.push_back(port.get());
      rules_ = std::make_unique<NftRun>(rules, locks);
    }
    ports_.clear();
  });
}

void Connection::connect(pid_t inner) {
  if (!wanted()) return;
  in_stage([&] {
    for (const auto& interface : plan_.network.interfaces) {
      Link bridge = find_bridge(*netlink_, interface);
      make_link(*netlink_, interface, inner);
      netlink_->run(veth_requests(interface, bridge));
    }
    // Inner has a copy of the descriptors: closing ours alone would not let go.
    for (const auto& lock : locks_) ::flock(lock.get(), LOCK_UN);
    locks_.clear();
  });
}

// The tables are not as they were loaded: another tool has flushed them, or taken out a set. By a child in
// the host's mount namespace, whose files this process does not see any more.
void Connection::load_rules_again() const {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "load rules", "pipe2");
  UniqueFd report(ends[0]), output(ends[1]);
  pid_t pid = check(::fork(), "load rules", "fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      check(::setns(host_mounts_.get(), CLONE_NEWNS), "load rules", "setns", "host");
      load_tables_again(plan_.network);
    } catch (const SysError& e) {
      std::string text = error_fields(e);
      ::_exit(::write(output.get(), text.data(), text.size()) < 0 ? 2 : 1);
    }
    ::_exit(0);
  }
  output.reset();
  std::string error = read_fd(report.get(), "load rules", "child");
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (!error.empty()) throw error_from_fields(error.data(), error.size());
  if (status != 0) refuse("load rules", plan_.name, "the process for it was killed");
}

void Connection::finish() {
  if (!wanted()) return;
  in_stage([&] {
    if (rules_ && !rules_->finish()) load_rules_again();
  });
}

void configure_inside(const NetworkPlan& network) {
  in_stage([&] {
    NetlinkSocket netlink;
    for (const auto& interface : network.interfaces) {
      std::optional<Link> link = find_link(netlink, interface.name);
      if (!link) refuse("give address", interface.name, "the link is not there", ENODEV);
      netlink.run(inside_requests(interface, link->index));
    }
  });
}

}  // namespace tsct
