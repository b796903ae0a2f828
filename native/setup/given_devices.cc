#include "setup/given_devices.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <sstream>

#include "setup/json_reader.h"
#include "setup/plan.h"
#include "setup/usb_device.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kStep = "find device";

struct stat device_at(const std::string& path, const char* key) {
  struct stat st;
  if (::stat(path.c_str(), &st) < 0) {
    SysError error{"", kStep, "stat", errno, path, std::string("Resources.") + key + "="};
    throw error;
  }
  if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
    refuse(kStep, path, std::string("Resources.") + key + "=: it is no device", ENODEV);
  return st;
}

char type_of(const struct stat& st) {
  return S_ISBLK(st.st_mode) ? 'b' : 'c';
}

// proc_devices(5): two lists, each with its title, of a number and a name a line.
std::vector<DeviceRule> rules_of(const DevicePermission& allow) {
  std::istringstream lines(read_file(AT_FDCWD, "/proc/devices", kStep));
  std::vector<DeviceRule> rules;
  char type = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line == "Character devices:") type = 'c';
    if (line == "Block devices:") type = 'b';
    std::istringstream words(line);
    uint32_t number = 0;
    std::string name;
    if (type != allow.type || !(words >> number >> name)) continue;
    if (::fnmatch(allow.driver.c_str(), name.c_str(), 0) == 0)
      rules.push_back({true, type, number, {}, allow.access});
  }
  if (rules.empty())
    refuse(kStep, (allow.type == 'b' ? "block-" : "char-") + allow.driver,
           "Resources.DeviceAllow=: /proc/devices has no such name", ENODEV);
  return rules;
}

}  // namespace

GivenDevices decode_given_devices(JsonReader r) {
  GivenDevices given;
  r.each("nodes", [&](JsonReader& n) {
    GivenDevice d{n.get<std::string>("source"), n.get_or("path", std::string()), n.get<std::string>("access"),
                  n.get<uint32_t>("uid"),       n.get<uint32_t>("gid"),          {}};
    if (n.has("fileMode")) d.mode = n.get<uint32_t>("fileMode");
    d.optional = n.get_or("optional", false);
    bool same = is_usb_number(d.source) && d.path.empty();
    if (!same && (!d.path.starts_with("/dev/") || d.path.find("/..") != std::string::npos))
      refuse("decode plan", n.where("path"), "is not below /dev");
    given.nodes.push_back(std::move(d));
  });
  r.each("allow", [&](JsonReader& a) {
    DevicePermission p;
    p.access = a.get<std::string>("access");
    if (a.has("path")) {
      p.path = a.get<std::string>("path");
    } else {
      p.type = a.word("type", {"c", "b"})[0];
      p.driver = a.get<std::string>("driver");
    }
    given.allow.push_back(std::move(p));
  });
  r.done();
  return given;
}

namespace {

// Of several that are the same: all, or the first if there is one name for it.
std::vector<std::string> paths_of(const GivenDevice& d) {
  if (!is_usb_number(d.source)) return {d.source};
  std::vector<std::string> paths = find_usb_devices(d.source);
  if (paths.empty()) refuse(kStep, d.source, "Resources.Device=: no such device is plugged in", ENOENT);
  if (!d.path.empty()) paths.resize(1);
  return paths;
}

void resolve(const GivenDevice& d, std::vector<DeviceNode>& nodes, std::vector<DeviceRule>& rules) {
  for (const std::string& path : paths_of(d)) {
    struct stat st = device_at(path, "Device");
    uint32_t number_major = major(st.st_rdev), number_minor = minor(st.st_rdev);
    uint32_t mode = d.mode ? *d.mode : st.st_mode & 0777;
    nodes.push_back({d.path.empty() ? path : d.path, type_of(st), number_major, number_minor, mode, d.uid,
                     d.gid, d.path.empty() ? d.source : d.path, d.optional || is_usb_number(d.source)});
    rules.push_back({true, type_of(st), number_major, number_minor, d.access});
  }
}

void resolve(const DevicePermission& p, std::vector<DeviceRule>& rules) {
  if (p.path.empty()) {
    std::vector<DeviceRule> of = rules_of(p);
    rules.insert(rules.end(), of.begin(), of.end());
  } else {
    struct stat st = device_at(p.path, "DeviceAllow");
    rules.push_back({true, type_of(st), major(st.st_rdev), minor(st.st_rdev), p.access});
  }
}

}  // namespace

void resolve_devices(const GivenDevices& given, std::vector<DeviceNode>& nodes,
                     std::vector<DeviceRule>& rules, Missing missing) {
  auto attempt = [&](bool optional, auto&& body) {
    try {
      body();
    } catch (const SysError& e) {
      bool absent = e.err == ENOENT || e.err == ENOTDIR;
      if (missing == Missing::kFail && !(optional && absent)) throw;
    }
  };
  for (const GivenDevice& d : given.nodes) attempt(d.optional, [&] { resolve(d, nodes, rules); });
  for (const DevicePermission& p : given.allow) attempt(false, [&] { resolve(p, rules); });
}

bool GivenDevices::has_optional() const {
  return std::any_of(nodes.begin(), nodes.end(), [](const GivenDevice& d) { return d.optional; });
}

}  // namespace tsct
