#pragma once
// Names of containers on the host itself.
#include "setup/network_files.h"
#include "setup/network_plan.h"

namespace tsct {

// Has systemd-resolved, where it runs, ask the network's servers for names below its domain, and for no
// others. It forgets that with the bridge. The network is no less up if it refuses: what it says is in
// keeper.log.
void tell_resolver(const NetworkUse& network, const NetworkFiles& files);

}  // namespace tsct
