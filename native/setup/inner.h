#pragma once
#include <linux/filter.h>

#include <vector>

#include "setup/channel.h"
#include "setup/plan.h"

namespace tsct {

// The life of the clone that becomes init; never returns.
[[noreturn]] void run_inner(const LaunchPlan& plan, Channel& outer, const std::vector<sock_filter>& filter);

}  // namespace tsct
