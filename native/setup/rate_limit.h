#pragma once
// How much an interface may receive and send, held on the host's end of it: root inside has no hand there.
#include "setup/network_plan.h"
#include "sys/netlink.h"

namespace tsct {

// The host's end is there, and not up yet. Throws SysError.
void limit_rates(NetlinkSocket& netlink, const InterfacePlan& plan);

// The link that what it sends passes; everything else goes with the host's end. Gone already counts as done.
void remove_rate_link(NetlinkSocket& netlink, const InterfacePlan& plan);

}  // namespace tsct
