#pragma once
// Links of the host that a container has while it runs. What such a link was is kept in RUNDIR/given-IF, so
// that it is found, whatever guest root has made of it, and is the host's again as it was.
#include <string>

#include "setup/network_plan.h"
#include "sys/netlink.h"

namespace tsct {

// `netns` is pinned already. Throws SysError.
void give_link(NetlinkSocket& host, const InterfacePlan& plan, const std::string& run_dir, int netns);
// Gone is done: guest root can delete what is no hardware. Throws SysError, and can be tried again.
void take_link_back(NetlinkSocket& host, const InterfacePlan& plan, const std::string& run_dir, int netns);

}  // namespace tsct
