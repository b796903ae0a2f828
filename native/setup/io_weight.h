#pragma once
// Weights, by which groups share disks: [Resources] IOWeight= and IODeviceWeight=.
#include <string>

#include "setup/plan.h"

namespace tsct {

bool is_io_weight(const GroupLimit& limit);

// Writes one, where it counts. Only some disks go by weights, and the kernel takes them for all without a
// word: so one for a disk that does not is refused, and so is one for all when that of the container's root
// does not. Throws SysError.
void set_io_weight(const LaunchPlan& plan, const GroupLimit& limit, const std::string& group);

}  // namespace tsct
