#pragma once
// Devices of a running container.
#include <string>
#include <vector>

#include "setup/plan.h"

namespace tsct {

// From what a container has to what a plan says.
struct DeviceChange {
  std::vector<std::string> made;     // nodes of the plan that are new or other than they were
  std::vector<std::string> removed;  // paths of nodes that are in the plan no more
  bool missing_fails = true;         // a device that is not there; else it is left out
};

DeviceChange decode_device_change(const std::string& json);

// Nodes first, which nobody may open yet, then the policy, then what is gone. Throws SysError, perhaps having
// done a part: the same again, or the plan of the way back, goes on from there.
void change_devices(LaunchPlan& plan, const DeviceChange& change);

// Run by the supervisor when a device of the host came or went, with the container's /dev as fd `dev`: gives
// what is there now of `optional` devices and takes what is not. Of those that cannot be given the first is
// thrown, as SysError, when the others have been.
void renew_devices(const LaunchPlan& plan, int dev);

}  // namespace tsct
