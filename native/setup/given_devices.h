#pragma once
// Devices of the host that a container is given: Device= and DeviceAllow= of [Resources].
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tsct {

class JsonReader;
struct DeviceNode;
struct DeviceRule;

struct GivenDevice {
  std::string source;  // a path of the host, or usb:VENDOR:PRODUCT
  std::string path;    // inside, below /dev; empty: that which it has on the host
  std::string access;
  uint32_t uid = 0, gid = 0;
  std::optional<uint32_t> mode;  // absent: the source's
  bool optional = false;         // may be absent, and is given when it comes
};

// Permission without a node: by a path on the host, or for what /proc/devices has by a pattern.
struct DevicePermission {
  std::string access;
  std::string path;
  char type = 'c';
  std::string driver;
};

struct GivenDevices {
  std::vector<GivenDevice> nodes;
  std::vector<DevicePermission> allow;

  // Something here may come or go while the container runs.
  bool has_optional() const;
};

GivenDevices decode_given_devices(JsonReader reader);

// Looks up their numbers, which are another host's or another boot's tomorrow, and adds nodes and rules.
// Throws SysError for what is not there and not optional; kSkip: leaves that out, too.
enum class Missing { kFail, kSkip };
void resolve_devices(const GivenDevices& given, std::vector<DeviceNode>& nodes,
                     std::vector<DeviceRule>& rules, Missing missing = Missing::kFail);

}  // namespace tsct
