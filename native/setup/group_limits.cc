#include "setup/group_limits.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <sstream>

#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kStep = "set group limit";

std::string number_of(dev_t device) {
  return std::to_string(major(device)) + ":" + std::to_string(minor(device));
}

// btrfs and others give each subvolume a device number that no disk has: mountinfo names what is mounted.
dev_t disk_below(dev_t device, const std::string& path) {
  if (major(device) != 0) return device;
  std::istringstream lines(read_file(AT_FDCWD, "/proc/self/mountinfo", kStep));
  size_t longest = 0;
  dev_t found = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string id, parent, dev, root, point, word, type, source;
    words >> id >> parent >> dev >> root >> point;
    while (words >> word && word != "-") {
    }
    words >> type >> source;
    bool above = path == point || point == "/" || path.starts_with(point + "/");
    if (!above || point.size() < longest) continue;
    longest = point.size();
    struct stat st;
    found = ::stat(source.c_str(), &st) == 0 && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
  }
  if (!found) refuse(kStep, path, "it lies on no disk: what is there has no block device", ENODEV);
  return found;
}

// Limits are on whole disks: a partition's are its disk's (the kernel answers ENODEV).
std::string disk_of(const std::string& path) {
  struct stat st;
  check(::stat(path.c_str(), &st), kStep, "stat", path);
  dev_t device = S_ISBLK(st.st_mode) ? st.st_rdev : disk_below(st.st_dev, path);
  std::string sys = "/sys/dev/block/" + number_of(device);
  if (::access((sys + "/partition").c_str(), F_OK) < 0) return number_of(device);
  std::string number = read_file(AT_FDCWD, sys + "/../dev", kStep);
  return number.substr(0, number.find('\n'));
}

// The value, after the number of the disk that the limit is for: `8:0 rbps=1000`.
std::string text_of(const GroupLimit& limit) {
  return limit.device.empty() ? limit.value : disk_of(limit.device) + " " + limit.value;
}

}  // namespace

void set_limit(const GroupLimit& limit, const std::string& group) {
  try {
    write_file(AT_FDCWD, group + "/" + limit.file, text_of(limit), kStep);
  } catch (SysError& e) {
    e.detail = "Resources." + limit.key + "=" + (e.detail.empty() ? "" : ": " + e.detail);
    throw;
  }
}

}  // namespace tsct
