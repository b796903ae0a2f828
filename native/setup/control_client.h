#pragma once
// What tsct-setup asks the supervisor of a running container, at its control socket. Throws SysError.
#include <sys/types.h>

#include <string>

#include "setup/plan.h"
#include "sys/unique_fd.h"

namespace tsct {

struct RunningInit {
  UniqueFd pidfd;
  pid_t supervisor = 0;
};

RunningInit find_init(const std::string& run_dir);

struct RunningDevices {
  UniqueFd dev;  // the directory, on its own file system
  pid_t supervisor = 0;
};

RunningDevices find_devices(const std::string& run_dir);

// The run's end goes by this plan from now on, and a start after a reboot from inside.
void hand_plan(const LaunchPlan& plan, int fd);

// The supervisor has ports bound again when this tsct-ports has ended.
void hand_ports(const std::string& run_dir, int pidfd);

// The supervisor hears of lxcfs by this connection from now on.
void hand_view(const std::string& run_dir, int connection);

}  // namespace tsct
