#pragma once
#include "setup/plan.h"

namespace tsct {

// Bounds what the plan's writable layer may take on disk, or lifts the bound that an earlier run had. The
// layer must not be mounted yet. Throws SysError: a limit that cannot be enforced is never left out.
void limit_size(const LaunchPlan& plan);

}  // namespace tsct
