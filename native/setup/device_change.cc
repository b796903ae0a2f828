#include "setup/device_change.h"

#include <algorithm>

#include "setup/cgroup.h"
#include "setup/control_client.h"
#include "setup/json_reader.h"
#include "setup/tree.h"
#include "setup/user_namespace.h"
#include "sys/error.h"

namespace tsct {

DeviceChange decode_device_change(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  JsonReader r(json, "");
  DeviceChange change{r.get<std::vector<std::string>>("made"), r.get<std::vector<std::string>>("removed"),
                      r.get<bool>("missingFails")};
  r.done();
  return change;
}

void change_devices(LaunchPlan& plan, const DeviceChange& change) {
  try {
    resolve_devices(plan.given_devices, plan.devices, plan.device_rules,
                    change.missing_fails ? Missing::kFail : Missing::kSkip);
    RunningDevices running = find_devices(plan.run_dir);
    hand_plan(plan.run_dir, 0);
    Cgroups cgroups(plan, running.supervisor);
    {
      ActAs base(plan.root_uid(), plan.root_gid());
      for (const DeviceNode& node : plan.devices)
        if (std::find(change.made.begin(), change.made.end(), node.path) != change.made.end())
          put_device(node, plan.root_uid(), plan.root_gid(), running.dev.get());
    }
    cgroups.change_device_policy();
    for (const std::string& path : change.removed) take_device(path, running.dev.get());
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "devices";
    throw;
  }
}

}  // namespace tsct
