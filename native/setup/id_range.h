#pragma once
// The ids of a container belong to one running container on this host, whoever started it.
#include "setup/plan.h"
#include "setup/supervisor_link.h"

namespace tsct {

// Takes the lock of the range, and nspawn's of the same ids; the supervisor keeps both open, and takes the
// files away at the end. Throws SysError naming the holder.
void claim_id_range(const LaunchPlan& plan, const SupervisorLink& supervisor);

// Takes away lock files that a supervisor that died has left. One that somebody holds stays.
void remove_id_range_locks(const LaunchPlan& plan);

}  // namespace tsct
