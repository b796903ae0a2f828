// An end's part of the network: by the plan alone, whatever has become of the start.
#include <fcntl.h>
#include <sys/file.h>

#include <optional>
#include <utility>

#include "setup/interface.h"
#include "setup/keeper.h"
#include "setup/network.h"
#include "setup/network_namespace.h"
#include "setup/network_up.h"
#include "setup/nft_elements.h"
#include "sys/error.h"

namespace tsct {
namespace {

// Runs each step whatever became of the one before, and keeps the first failure.
class Steps {
 public:
  template <class Fn>
  void run(Fn&& step) {
    try {
      step();
    } catch (SysError& e) {
      if (e.stage.empty()) e.stage = "network";
      if (!first_) first_ = e;
    }
  }
  void done() const {
    if (first_) throw *first_;
  }

 private:
  std::optional<SysError> first_;
};

std::string rules_to_remove(const NetworkPlan& plan, const NetworkUse& network) {
  std::string text;
  for (const auto& interface : plan.interfaces)
    if (interface.bridge == network.bridge && !interface.rules_remove.empty())
      text += interface.rules_remove + "\n";
  return text;
}

struct Sockets {
  NetlinkSocket route;
  NetfilterSocket netfilter;
};

void leave_network(Sockets& sockets, const LaunchPlan& plan, const NetworkUse& network, Steps& steps) {
  NetlinkSocket& netlink = sockets.route;
  std::vector<const InterfacePlan*> interfaces;
  for (const auto& interface : plan.network.interfaces)
    if (interface.bridge == network.bridge) interfaces.push_back(&interface);
  NetworkFiles files(network.run_dir);
  UniqueFd shared = files.lock_if_there(LOCK_SH);
  // A link goes before what fences it in.
  for (const auto* interface : interfaces) steps.run([&] { remove_interface(netlink, *interface, {}); });
  if (shared) {
    bool others = true;
    steps.run([&] { others = network_in_use(netlink, network, files, plan.network.interfaces); });
    for (const auto* interface : interfaces) steps.run([&] { files.remove_port(interface->host_name); });
    // Where the tables are gone, or will be, there is nothing to remove from them.
    std::string rules = others ? rules_to_remove(plan.network, network) : "";
    if (!change_elements(rules, sockets.netfilter)) NftRun(rules, {shared.get()}).finish();
    steps.run([&] { files.remove_records(plan.key); });
    if (others) reload_service(network.run_dir);
  }
  shared.reset();
  take_down_if_unused(netlink, network, files, plan.cgroup);
}

// While a running container is changed: what it was to have and what it had.
std::vector<LaunchPlan> all_of(const LaunchPlan& plan) {
  std::vector<LaunchPlan> plans{plan};
  for (const auto& leaving : plan.network.leaving) plans.emplace_back(plan).network = leaving;
  std::erase_if(plans, [](const LaunchPlan& one) { return one.network.interfaces.empty(); });
  return plans;
}

}  // namespace

void disconnect(const LaunchPlan& plan) {
  const std::vector<LaunchPlan> plans = all_of(plan);
  if (plans.empty()) return;
  Steps steps;
  steps.run([&] {
    Sockets sockets;
    for (const auto& one : plans)
      for (const auto& network : one.network.networks)
        steps.run([&] { leave_network(sockets, one, network, steps); });
    // Those on bridges that are not ours, and those of other kinds.
    UniqueFd pinned = open_pinned_namespace(plan.run_dir);
    UniqueFd run_dir(::open(plan.run_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    bool done = true;
    for (const auto& one : plans)
      for (const auto& interface : one.network.interfaces)
        steps.run([&] {
          bool was = std::exchange(done, false);
          remove_interface(sockets.route, interface, {pinned.get(), run_dir.get()});
          done = was;
        });
    // While it holds a link of the host it is kept, for the next command to try again.
    if (done) steps.run([&] { unpin_namespace(plan.run_dir); });
  });
  steps.done();
}

}  // namespace tsct
