// What another program took away of a network while containers run on it: bridge, addresses, tables, dnsmasq;
// and the tables of routed interfaces, which are on none.
#include <sys/file.h>

#include "setup/keeper.h"
#include "setup/network.h"
#include "setup/network_up.h"
#include "setup/nft.h"
#include "sys/error.h"

namespace tsct {

void repair_networks(const LaunchPlan& plan) {
  try {
    NetlinkSocket netlink;
    for (const auto& network : plan.network.networks) {
      NetworkFiles files(network.run_dir);
      UniqueFd exclusive = files.lock(LOCK_EX);
      // Its words may be others by now: tsct network set.
      if (!network.service.empty()) stop_keeper(keeper_of(network), plan.cgroup);
      bring_up_network(netlink, network, files, plan.cgroup, exclusive);
    }
    std::string tables;
    for (const auto& interface : plan.network.interfaces) tables += interface.ruleset;
    NftRun(tables, {}).expect("load rules of", plan.name);
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "network";
    throw;
  }
}

}  // namespace tsct
