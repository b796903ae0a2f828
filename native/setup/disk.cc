#include "setup/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <sstream>

#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

std::string number_of(dev_t device) {
  return std::to_string(major(device)) + ":" + std::to_string(minor(device));
}

// btrfs and others give each subvolume a device number that no disk has: mountinfo names what is mounted.
dev_t disk_below(dev_t device, const std::string& path, std::string_view step) {
  if (major(device) != 0) return device;
  std::istringstream lines(read_file(AT_FDCWD, "/proc/self/mountinfo", step));
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
  if (!found) refuse(step, path, "it lies on no disk: what is there has no block device", ENODEV);
  return found;
}

}  // namespace

// Limits are on whole disks: a partition's are its disk's (the kernel answers ENODEV).
std::string disk_of(const std::string& path, std::string_view step) {
  struct stat st;
  check(::stat(path.c_str(), &st), step, "stat", path);
  dev_t device = S_ISBLK(st.st_mode) ? st.st_rdev : disk_below(st.st_dev, path, step);
  std::string sys = "/sys/dev/block/" + number_of(device);
  if (::access((sys + "/partition").c_str(), F_OK) < 0) return number_of(device);
  std::string number = read_file(AT_FDCWD, sys + "/../dev", step);
  return number.substr(0, number.find('\n'));
}

}  // namespace tsct
