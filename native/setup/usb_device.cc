#include "setup/usb_device.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "find device";
constexpr const char* kPrefix = "usb:";
constexpr const char* kDevices = "/sys/bus/usb/devices";
constexpr const char* kNodes = "/bus/usb";  // below /dev

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// Nothing of one that is none, or cannot be read.
std::vector<std::string> names_in(UniqueFd directory) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, CloseDir> dir(directory ? ::fdopendir(directory.release()) : nullptr);
  while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

// Empty where there is none: an interface of a device has no vendor, and one that was just pulled out
// nothing.
std::string attribute(int devices, const std::string& path) {
  UniqueFd fd(::openat(devices, path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[64];
  ssize_t n = fd ? ::read(fd.get(), text, sizeof text) : -1;
  std::string value(text, n > 0 ? static_cast<size_t>(n) : 0);
  return value.substr(0, value.find('\n'));
}

UniqueFd open_inside(int directory, const std::string& path) {
  return UniqueFd(
      openat2(directory, path.c_str(), O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
}

}  // namespace

bool is_usb_number(const std::string& source) {
  return source.starts_with(kPrefix);
}

// Documentation/ABI/{stable,testing}/sysfs-bus-usb: busnum and devnum name the node, three digits each
// (drivers/usb/core/usb.c, usb_devnode).
std::vector<std::string> find_usb_devices(const std::string& source) {
  UniqueFd devices(::open(kDevices, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!devices) {
    if (errno == ENOENT) return {};  // a kernel without USB
    fail(kStep, "open", kDevices);
  }
  std::vector<std::string> paths;
  for (const std::string& name : names_in(UniqueFd(::openat(devices.get(), ".", O_RDONLY | O_CLOEXEC)))) {
    auto of = [&](const char* file) { return attribute(devices.get(), name + "/" + file); };
    if (kPrefix + of("idVendor") + ":" + of("idProduct") != source) continue;
    char path[64];
    snprintf(path, sizeof path, "/dev/bus/usb/%03d/%03d", atoi(of("busnum").c_str()),
             atoi(of("devnum").c_str()));
    paths.emplace_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> usb_nodes(int dev_fd, const std::function<bool(char, dev_t)>& wanted) {
  std::vector<std::string> paths;
  std::string top = kNodes;
  for (const std::string& bus : names_in(open_inside(dev_fd, "." + top))) {
    UniqueFd directory = open_inside(dev_fd, "." + top + "/" + bus);
    if (!directory) continue;
    for (const std::string& name : names_in(UniqueFd(::openat(directory.get(), ".", O_RDONLY | O_CLOEXEC)))) {
      struct stat st;
      if (::fstatat(directory.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
      if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) continue;
      if (wanted(S_ISBLK(st.st_mode) ? 'b' : 'c', st.st_rdev))
        paths.push_back("/dev" + top + "/" + bus + "/" + name);
    }
  }
  return paths;
}

}  // namespace tsct
