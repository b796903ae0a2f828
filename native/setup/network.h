#pragma once
// The network of one container: what outer, inner and teardown each do of it. Errors have the stage
// "network".
//
//   outer   prepare()     networks are there and stay; names, reservations and rules are on their way
//           connect()     links, their far ends born in inner's namespace
//   inner   configure_inside()
//   outer   finish()      rules are in force
//   after the end, or a crash at any of these: disconnect(), which goes by the plan alone
#include <memory>
#include <vector>

#include "setup/nft.h"
#include "setup/plan.h"
#include "sys/netlink.h"
#include "sys/unique_fd.h"

namespace tsct {

class Connection {
 public:
  explicit Connection(const LaunchPlan& plan);
  bool wanted() const { return !plan_.network.interfaces.empty(); }

  // In the host's mount namespace: what is started here stays there. Both steps of it below.
  void prepare();
  // Networks are there and stay until connect() is done; names and reservations are there.
  void enter();
  // Rules are on their way: `before`, then what all interfaces need, as one change.
  void load_rules(const std::string& before = {});
  // `inner`: whose network namespace gets the links.
  void connect(pid_t inner);
  // These of its interfaces; the namespace is pinned where one needs that.
  void connect_to(int netns, const std::vector<const InterfacePlan*>& interfaces);
  // Before init is released.
  void finish();

 private:
  void enter(const NetworkUse& network);
  void load_rules_again() const;

  const LaunchPlan& plan_;
  std::unique_ptr<NetlinkSocket> netlink_;
  std::vector<UniqueFd> locks_;     // shared, until the links are ports of the bridges
  std::vector<UniqueFd> ports_;     // locked until their rules are in force
  std::unique_ptr<NftRun> rules_;   // while nft(8) is at them
  std::unique_ptr<NftRun> tables_;  // those of single interfaces
  UniqueFd host_mounts_, run_dir_;
};

// Inside: addresses, up, routes.
void configure_inside(const NetworkPlan& network);

// Changes what a running container has, which the plan tells as `leaving`, into what the plan has. Its
// supervisor gets the plan on fd 0 first: an end at any moment undoes both. May be repeated, and back.
// `edits` are made in its root, where a mount of the guest's is not in their way.
void change_network(const LaunchPlan& plan, const std::vector<FileEdit>& edits);

// Held by who changes the network of a container that runs; an end of the run waits for it. `make`: else
// empty when nobody ever did.
UniqueFd lock_changes(const LaunchPlan& plan, bool make);

// Brings up again, with the ports that they have, what is missing of the networks that a running container is
// on.
void repair_networks(const LaunchPlan& plan);

// Removes links, rules and records of this container, and each network whose last user it was. Goes on after
// a failure and throws the first at the end.
void disconnect(const LaunchPlan& plan);

}  // namespace tsct
