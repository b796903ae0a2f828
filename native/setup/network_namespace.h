#pragma once
// Network namespaces of containers, seen from the host. A descriptor of one is of nsfs, or a pidfd of a
// process in it: setns(2) takes both.
#include <sys/types.h>

#include <functional>
#include <string>

#include "setup/network_plan.h"
#include "sys/netlink.h"
#include "sys/unique_fd.h"

namespace tsct {

// Throws SysError, ESRCH or ENOENT when the process is gone.
UniqueFd open_network_namespace(pid_t pid);

// Runs `body` in it and comes back; of a process with one thread. Throws SysError.
void in_network_namespace(int netns, const std::function<void()>& body);

// That of a container which is in another's, found as the plan says; empty: this one. Throws SysError.
UniqueFd open_joined_namespace(const JoinedNamespace& joined);

// A container whose interfaces are in its namespace alone has that kept by a mount, RUNDIR/netns, until they
// are out of it: a link of the host must not go with the last process, nor may a VLAN still be there when the
// next start makes it again.
bool needs_pin(const NetworkPlan& network);
// `host_mounts`: the mount namespace to do it in, -1: this one. Throws SysError.
void pin_namespace(const std::string& run_dir, int netns, int host_mounts);
// Empty: there is none.
UniqueFd open_pinned_namespace(const std::string& run_dir);
void unpin_namespace(const std::string& run_dir);

}  // namespace tsct
