#pragma once
#include "setup/plan.h"

namespace tsct {

// Removes what a run leaves behind: processes of the payload, cgroups, and, where no supervisor holds it any
// more, the run directory. Safe to run at any time and twice. Throws SysError.
void tear_down(const LaunchPlan& plan);

}  // namespace tsct
