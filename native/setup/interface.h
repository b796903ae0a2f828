#pragma once
// One interface of one container, made and removed by itself: by a start for all that the plan has, or for a
// container that runs already. The caller is in the host's network namespace, as is the socket `host`.
#include "setup/given_link.h"
#include "setup/network_plan.h"
#include "sys/netlink.h"

namespace tsct {

// Makes it, with its far end, if it has one, in the guest's namespace, where it is down and has no address
// yet. That of a kind that is no veth has to be pinned (network_namespace.h). Its rules and its table are the
// caller's to load.
void make_interface(NetlinkSocket& host, const InterfacePlan& plan, const GuestPlaces& guest);

// Addresses, up, routes; `inside` is a socket of the container's namespace.
void configure_interface(NetlinkSocket& inside, const InterfacePlan& plan);

// Gone is done. Takes its table away, not its rules.
void remove_interface(NetlinkSocket& host, const InterfacePlan& plan, const GuestPlaces& guest);

}  // namespace tsct
