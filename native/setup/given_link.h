#pragma once
// Links of the host that a container has while it runs. What such a link was is kept in RUNDIR/given-IF, so
// that it is found, whatever guest root has made of it, and is the host's again as it was.
#include "setup/network_plan.h"
#include "sys/netlink.h"

namespace tsct {

// Of one container.
struct GuestPlaces {
  int netns = -1;    // its network namespace; -1: it is not there any more
  int run_dir = -1;  // open, as a start sees the host's directories no more when it gets to this; -1: gone
};

// `netns` is pinned already. Throws SysError.
void give_link(NetlinkSocket& host, const InterfacePlan& plan, const GuestPlaces& guest);
// Gone is done: guest root can delete what is no hardware. Throws SysError, and can be tried again.
void take_link_back(NetlinkSocket& host, const InterfacePlan& plan, const GuestPlaces& guest);

}  // namespace tsct
