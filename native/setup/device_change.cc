#include "setup/device_change.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "setup/cgroup.h"
#include "setup/control_client.h"
#include "setup/json_reader.h"
#include "setup/network.h"
#include "setup/tree.h"
#include "setup/usb_device.h"
#include "setup/user_namespace.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

bool has(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool may_be_opened(const LaunchPlan& plan, char type, dev_t number) {
  return std::any_of(plan.device_rules.begin(), plan.device_rules.end(), [&](const DeviceRule& rule) {
    return rule.allow && rule.type == type && rule.major == major(number) &&
           (!rule.minor || rule.minor == minor(number));
  });
}

// Nodes first, which nobody may open yet, then the policy, then what is gone. Of nodes that follow the host's
// and that it cannot put, the first is returned: they are not what was asked for just now.
std::optional<SysError> carry_out(const LaunchPlan& plan, const DeviceChange& change, pid_t supervisor,
                                  int dev) {
  std::optional<SysError> refused;
  {
    ActAs base(plan.root_uid(), plan.root_gid());
    for (const DeviceNode& node : plan.devices) {
      bool is_asked = has(change.made, node.given.empty() ? node.path : node.given);
      if (!is_asked && (!node.follows || has_device(node, dev))) continue;
      try {
        put_device(node, plan.root_uid(), plan.root_gid(), dev);
      } catch (const SysError& e) {
        if (is_asked) throw;
        if (!refused) refused = e;
      }
    }
  }
  Cgroups(plan, supervisor).change_device_policy();
  for (const std::string& path : change.removed)
    if (!is_usb_number(path)) take_device(path, dev);
  for (const GivenDevice& given : plan.given_devices.nodes) {
    auto is_it = [&](const DeviceNode& node) { return node.path == given.path; };
    if (given.optional && !given.path.empty() &&
        std::none_of(plan.devices.begin(), plan.devices.end(), is_it))
      take_device(given.path, dev);
  }
  // Those of the numbers that it had.
  for (const std::string& path :
       usb_nodes(dev, [&](char type, dev_t number) { return !may_be_opened(plan, type, number); }))
    take_device(path, dev);
  return refused;
}

}  // namespace

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
    UniqueFd busy = lock_changes(plan, true);
    resolve_devices(plan.given_devices, plan.devices, plan.device_rules,
                    change.missing_fails ? Missing::kFail : Missing::kSkip);
    RunningDevices running = find_devices(plan.run_dir);
    hand_plan(plan, 0);
    carry_out(plan, change, running.supervisor, running.dev.get());
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "devices";
    throw;
  }
}

void renew_devices(const LaunchPlan& plan, int dev) {
  try {
    UniqueFd busy = lock_changes(plan, true);
    // Whoever had the lock may have handed over another plan.
    pid_t supervisor = ::getppid();
    std::string path = "/proc/" + std::to_string(supervisor) + "/fd/0";
    LaunchPlan now = decode_plan(read_file(AT_FDCWD, path, "read plan"));
    resolve_devices(now.given_devices, now.devices, now.device_rules, Missing::kSkip);
    if (auto refused = carry_out(now, {}, supervisor, dev)) throw *refused;
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "devices";
    throw;
  }
}

}  // namespace tsct
