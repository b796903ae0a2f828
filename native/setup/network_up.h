#pragma once
// One network of tsct on the host: bridge, addresses, forwarding, tables, service.
#include <optional>

#include "setup/links.h"
#include "setup/network_files.h"
#include "setup/plan.h"

namespace tsct {

// Turns on forwarding for the versions of IP that these are of.
void forward(const std::vector<IpPrefix>& addresses);
// Lets the host answer on that link for neighbours of IPv6 that it is told of.
void allow_proxy(const InterfacePlan& interface);

// Its bridge, if all of it is up and as the plan has it. Under a lock of the network.
std::optional<Link> find_network(NetlinkSocket& netlink, const NetworkUse& network,
                                 const NetworkFiles& files);

// Makes what is missing of it, and joins what runs already. Under the exclusive lock.
void bring_up_network(NetlinkSocket& netlink, const NetworkUse& network, const NetworkFiles& files,
                      const CgroupPlan& cgroup, const UniqueFd& exclusive);

// All tables with the rules of all that runs, as one change. Under the exclusive lock.
void load_tables(const NetworkUse& network, const NetworkFiles& files, const UniqueFd& exclusive);

// Removes the whole of it. Under the exclusive lock, and with nobody on it.
void take_down_network(NetlinkSocket& netlink, const NetworkUse& network, const NetworkFiles& files,
                       const CgroupPlan& cgroup, const UniqueFd& exclusive);

// The same, if nobody is. Whoever deletes the last port sees that it was the last; a start holds the lock
// until it has one.
void take_down_if_unused(NetlinkSocket& netlink, const NetworkUse& network, const NetworkFiles& files,
                         const CgroupPlan& cgroup);

// Whether a container other than those whose links are `except` is on it.
bool network_in_use(NetlinkSocket& netlink, const NetworkUse& network, const NetworkFiles& files,
                    const std::vector<InterfacePlan>& except);

}  // namespace tsct
