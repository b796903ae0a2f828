#pragma once
// tsct-keeper, which keeps a service running: that of a network, or lxcfs (keeper/main.cc).
#include <sys/types.h>

#include <string>
#include <vector>

#include "setup/plan.h"

namespace tsct {

struct Keeper {
  std::string run_dir;
  std::string kept_for;              // a bridge, or where lxcfs mounts itself
  std::vector<std::string> service;  // program and arguments
  std::string group, unit, title;    // its cgroup, or its unit on hosts run by systemd
  const char* step;                  // for messages
};

Keeper keeper_of(const NetworkUse& network);

// Under a lock of its users.
bool keeper_alive(const std::string& run_dir);

// 0: it does not run.
pid_t keeper_pid(const std::string& run_dir);

// Starts it where it does not run, in the caller's mount namespace and a cgroup of its own. Returns when it
// holds its lock. Under the exclusive lock. Throws SysError.
void start_keeper(const Keeper& keeper, const CgroupPlan& cgroup);

// Ends it and its child; they are gone when this returns. Under the exclusive lock. Throws SysError.
void stop_keeper(const Keeper& keeper, const CgroupPlan& cgroup);

// Has the service read its records again: it does not see by itself that one is gone.
void reload_service(const std::string& run_dir);

}  // namespace tsct
