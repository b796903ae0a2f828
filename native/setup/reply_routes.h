#pragma once
// Ways back of an interface that has not the default route: a rule for what is sent from its addresses, a
// table for where that goes. Messages are for a socket of the container's namespace.
#include <vector>

#include "setup/network_plan.h"
#include "sys/netlink.h"

namespace tsct {

// The link is up. What is there already counts as done.
std::vector<NetlinkRequest> reply_requests(const InterfacePlan& plan, int index);

// Rules only: routes go with the link. Gone counts as done.
std::vector<NetlinkRequest> forget_reply_requests(const InterfacePlan& plan);

// From one plan of a link that stays to another.
std::vector<NetlinkRequest> change_reply_requests(const InterfacePlan& from, const InterfacePlan& to,
                                                  int index);

}  // namespace tsct
