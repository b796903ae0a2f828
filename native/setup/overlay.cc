#include "setup/overlay.h"

#include <sys/stat.h>

#include <filesystem>

#include "setup/mount.h"
#include "setup/rootfs.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

std::string stage_name(size_t mount, const std::string& part) {
  return std::string(kStaging) + "/o" + std::to_string(mount) + "." + part;
}

void stage_directory(const std::string& source, const std::string& at, uint64_t attributes, int userns_fd) {
  UniqueFd dir(
      check(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "stage overlay", "open", source));
  UniqueFd mount = clone_mount(dir.get(), false, "stage overlay", source);
  set_mount_attributes(mount.get(), attributes | MOUNT_ATTR_NODEV, 0, false, userns_fd, "stage overlay",
                       source);
  if (::mkdir(at.c_str(), 0755) < 0 && errno != EEXIST) fail("stage overlay", "mkdir", at);
  UniqueFd target(check(::open(at.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "stage overlay", "open", at));
  attach_mount(mount.get(), target.get(), "stage overlay", source);
}

// Upper and work directory must lie on one mount: both are made below one directory that is mapped as a
// whole. A temporary one lives in the container's directory and is emptied at each start.
void stage_upper(const LaunchPlan& plan, size_t index, int userns_fd) {
  const std::string& upper = *plan.mounts[index].upper;
  std::string dir;
  if (upper.empty()) {
    dir = plan.container_dir + "/overlays/" + std::to_string(index);
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
    make_directories(dir + "/upper", "stage overlay");
    make_directories(dir + "/work", "stage overlay");
    stage_directory(dir, stage_name(index, "up"), 0, userns_fd);
    return;
  }
  if (upper[0] == '+')
    refuse("stage overlay", upper, "an upper directory inside the container's root cannot be used");
  dir = std::filesystem::path(upper).parent_path();
  std::string name = std::filesystem::path(upper).filename();
  make_directories(dir + "/.tsct-work-" + name, "stage overlay");
  stage_directory(dir, stage_name(index, "up"), 0, userns_fd);
}

void upper_options(const LaunchPlan& plan, size_t index, std::vector<std::string>& data) {
  const std::string& upper = *plan.mounts[index].upper;
  std::string at = stage_name(index, "up");
  std::string name = upper.empty() ? "upper" : std::filesystem::path(upper).filename().string();
  data.push_back("upperdir=" + at + "/" + name);
  data.push_back("workdir=" + at + "/" + (upper.empty() ? "work" : ".tsct-work-" + name));
}

}  // namespace

void stage_extra_overlays(const LaunchPlan& plan, int userns_fd) {
  for (size_t i = 0; i < plan.mounts.size(); i++) {
    const Mount& m = plan.mounts[i];
    if (m.type != "overlay") continue;
    for (size_t j = 0; j < m.lowers.size(); j++)
      if (m.lowers[j][0] != '+')
        stage_directory(m.lowers[j], stage_name(i, std::to_string(j)), MOUNT_ATTR_RDONLY, userns_fd);
    if (m.upper) stage_upper(plan, i, userns_fd);
  }
}

void mount_extra_overlays(const LaunchPlan& plan, const Channel& outer) {
  std::string root_path = std::string(kStaging) + "/root";
  for (size_t i = 0; i < plan.mounts.size(); i++) {
    const Mount& m = plan.mounts[i];
    if (m.type != "overlay") continue;
    UniqueFd root(
        check(::open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "mount overlay", "open", "/"));
    std::vector<UniqueFd> inside;  // held open while their /proc/self/fd names are used
    std::string lower;
    for (size_t j = m.lowers.size(); j-- > 0;) {
      std::string path = stage_name(i, std::to_string(j));
      if (m.lowers[j][0] == '+') {
        inside.push_back(
            open_in_root(root.get(), m.lowers[j].substr(1), O_PATH | O_DIRECTORY, "mount overlay"));
        path = "/proc/self/fd/" + std::to_string(inside.back().get());
      }
      lower += (lower.empty() ? "" : ":") + path;
    }
    MountOptions options = parse_mount_options(m.options);
    options.data.push_back("lowerdir=" + lower);
    options.data.push_back("userxattr");
    if (m.upper) upper_options(plan, i, options.data);
    outer.send(Step::kMounted, static_cast<uint32_t>(i),
               new_filesystem("overlay", "tsct", options, "mount " + m.destination).get());
  }
}

}  // namespace tsct
