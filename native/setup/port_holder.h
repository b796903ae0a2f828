#pragma once
// tsct-ports of one container: RUNDIR/ports.lock is locked for as long as it lives, and tells its pid.
#include "setup/cgroup.h"
#include "setup/plan.h"
#include "setup/supervisor_link.h"

namespace tsct {

// Binds what the plan publishes and leaves it to tsct-ports, which ends with the run: the supervisor holds a
// pipe open for it. Throws SysError of the stage "network".
void hold_ports(const LaunchPlan& plan, const SupervisorLink& supervisor, const Cgroups& cgroups);

// Ends it and waits for that: the ports are free afterwards. Throws SysError.
void end_port_holder(const LaunchPlan& plan);

}  // namespace tsct
