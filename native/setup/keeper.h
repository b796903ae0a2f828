#pragma once
// tsct-keeper of one network, which keeps its service running (keeper/main.cc).
#include "setup/network_files.h"
#include "setup/plan.h"

namespace tsct {

// Under a lock of the network.
bool keeper_alive(const NetworkFiles& files);

// Starts it where it does not run, in the caller's mount namespace and a cgroup of its own. Returns when it
// holds its lock. Under the exclusive lock. Throws SysError.
void start_keeper(const NetworkUse& network, const NetworkFiles& files, const CgroupPlan& cgroup);

// Ends it and its child; they are gone when this returns. Under the exclusive lock. Throws SysError.
void stop_keeper(const NetworkUse& network, const CgroupPlan& cgroup);

// Has the service read its records again: it does not see by itself that one is gone.
void reload_service(const NetworkFiles& files);

}  // namespace tsct
