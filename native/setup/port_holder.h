#pragma once
// tsct-ports of one container: RUNDIR/ports.lock is locked for as long as it lives, and tells its pid.
#include <optional>
#include <string>
#include <vector>

#include "ports/table.h"
#include "setup/cgroup.h"
#include "setup/plan.h"
#include "sys/unique_fd.h"

namespace tsct {

// Binds what the plan publishes and leaves it to tsct-ports, which ends with the supervisor. Throws SysError
// of the stage "network".
void hold_ports(const LaunchPlan& plan, pid_t supervisor, const Cgroups& cgroups);

// Ends it and waits for that: the ports are free afterwards. Throws SysError.
void end_port_holder(const LaunchPlan& plan);

// What a holder that runs has. Descriptors of it that this process has, too.
struct PortHolder {
  PortHead head;
  std::vector<PortEntry> entries;
  UniqueFd far;  // the end of its socket to speak at; empty: it is one of an older tsct, which cannot be told
};

// Empty: there is none.
std::optional<PortHolder> find_port_holder(const LaunchPlan& plan);

UniqueFd port_table_in_memory(const PortHead& head, const std::vector<PortEntry>& entries);

// `entries` with the numbers that their sockets have here. The supervisor is told, and watches it.
void start_port_holder(const LaunchPlan& plan, pid_t supervisor, const Cgroups& cgroups,
                       const std::vector<PortEntry>& entries);

}  // namespace tsct
