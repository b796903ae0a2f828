// A start's part of the network, by outer. The lock of each network is held shared from the moment it is
// known to be up until the link is its port: an end that finds no port then takes it for unused.
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>

#include "setup/channel.h"
#include "setup/interface.h"
#include "setup/network.h"
#include "setup/network_namespace.h"
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
  enter();
  load_rules();
}

void Connection::enter() {
  in_stage([&] {
    if (plan_.network.networks.empty() && !wanted()) return;
    netlink_ = std::make_unique<NetlinkSocket>();
    host_mounts_.reset(check(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), "find host's mounts", "open",
                             "/proc/self/ns/mnt"));
    run_dir_.reset(check(::open(plan_.run_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC),
                         "find run directory", "open", plan_.run_dir));
    // One order for everybody: nobody waits for a network while holding one that comes later.
    std::vector<const NetworkUse*> networks;
    for (const auto& network : plan_.network.networks) networks.push_back(&network);
    std::sort(networks.begin(), networks.end(),
              [](const NetworkUse* a, const NetworkUse* b) { return a->run_dir < b->run_dir; });
    for (const NetworkUse* network : networks) enter(*network);
  });
}

void Connection::load_rules(const std::string& before) {
  in_stage([&] {
    std::string rules = before;
    for (const auto& interface : plan_.network.interfaces) {
      if (!interface.rules_add.empty()) rules += interface.rules_add + "\n";
      if (interface.kind != InterfaceKind::kRouted) continue;
      forward(interface.addresses);
      allow_proxy(interface);
    }
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
    UniqueFd netns = open_network_namespace(inner);
    if (needs_pin(plan_.network)) pin_namespace(plan_.run_dir, netns.get(), host_mounts_.get());
    std::vector<const InterfacePlan*> all;
    for (const auto& interface : plan_.network.interfaces) all.push_back(&interface);
    connect_to(netns.get(), all);
  });
}

void Connection::connect_to(int netns, const std::vector<const InterfacePlan*>& interfaces) {
  in_stage([&] {
    std::string tables;
    // What was the host's first: its number is free in a namespace that has nothing yet, and so is not
    // another.
    for (bool given : {true, false})
      for (const auto* interface : interfaces) {
        if ((interface->kind == InterfaceKind::kPhysical) != given) continue;
        make_interface(*netlink_, *interface, {netns, run_dir_.get()});
        tables += interface->ruleset;
      }
    tables_ = std::make_unique<NftRun>(tables, std::vector<int>{}, host_mounts_.get());
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
  in_stage([&] {
    if (rules_ && !rules_->finish()) load_rules_again();
    if (tables_) tables_->expect("load rules of", plan_.name);
  });
}

void configure_inside(const NetworkPlan& network) {
  in_stage([&] {
    NetlinkSocket netlink;
    for (const auto& interface : network.interfaces) configure_interface(netlink, interface);
  });
}

}  // namespace tsct
