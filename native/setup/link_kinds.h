#pragma once
// Messages for the kinds of interface that are no port of a bridge.
#include <vector>

#include "setup/links.h"

namespace tsct {

// macvlan, ipvlan, vlan: on `parent`, a link of the sender's namespace, born in `netns`.
NetlinkRequest new_upper_request(const InterfacePlan& plan, const Link& parent, int netns);
// The host's end of a routed one: its second name, addresses, up, and the way to each address behind it.
std::vector<NetlinkRequest> routed_requests(const InterfacePlan& plan, int index);
// The host answers on that link (arp(7), RFC 4389) for the addresses of a routed one, or no longer.
std::vector<NetlinkRequest> proxy_requests(const InterfacePlan& plan, int index, bool wanted);

// Into another namespace, where it is called `name`. It is down afterwards.
NetlinkRequest move_request(const Link& link, const std::string& name, int netns);
std::vector<NetlinkRequest> forget_names_requests(const Link& link);

}  // namespace tsct
