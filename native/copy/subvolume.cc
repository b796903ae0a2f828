#include "copy/subvolume.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>

#include "copy/faults.h"
#include "sys/error.h"
#include "sys/unique_fd.h"

namespace tsct::copy {

namespace {

UniqueFd open_directory(const std::string& path, std::string_view step) {
  return UniqueFd(check(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), step, "open", path));
}

template <size_t N>
void set_name(char (&to)[N], const std::string& name, std::string_view step) {
  if (name.size() > NAME_MAX) refuse(step, name, "its name is too long", ENAMETOOLONG);
  memcpy(to, name.c_str(), name.size() + 1);
}

[[noreturn]] void fail_call(std::string_view step, std::string_view call, const std::string& path) {
  if (errno == ENOTTY)
    throw SysError{"", std::string(step), std::string(call), ENOTTY, path, "it is not on btrfs"};
  fail(step, call, path);
}

}  // namespace

Split split(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..")
    refuse("use path", path, "it does not end in a name", EINVAL);
  if (slash == std::string::npos) return {".", name};
  return {slash == 0 ? "/" : path.substr(0, slash), name};
}

void create_subvolume(const std::string& path) {
  constexpr char kStep[] = "make subvolume";
  Split at = split(path);
  UniqueFd parent = open_directory(at.parent, kStep);
  btrfs_ioctl_vol_args args{};
  set_name(args.name, at.name, kStep);
  mode_t before = ::umask(022);
  int made = ::ioctl(parent.get(), BTRFS_IOC_SUBVOL_CREATE, &args);
  ::umask(before);
  if (made < 0) fail_call(kStep, "ioctl(BTRFS_IOC_SUBVOL_CREATE)", path);
  fault("subvolume.made");
}

void snapshot_subvolume(const std::string& from, const std::string& to, bool readonly) {
  constexpr char kStep[] = "snapshot subvolume";
  Split at = split(to);
  UniqueFd source = open_directory(from, kStep);
  UniqueFd parent = open_directory(at.parent, kStep);
  btrfs_ioctl_vol_args_v2 args{};
  args.fd = source.get();
  args.flags = readonly ? BTRFS_SUBVOL_RDONLY : 0;
  set_name(args.name, at.name, kStep);
  if (::ioctl(parent.get(), BTRFS_IOC_SNAP_CREATE_V2, &args) < 0) {
    if (errno == EINVAL) refuse(kStep, from, "it is no subvolume", EINVAL);
    fail_call(kStep, "ioctl(BTRFS_IOC_SNAP_CREATE_V2)", to);
  }
  fault("subvolume.made");
}

bool is_subvolume(int directory) {
  struct stat st;
  struct statfs fs;
  return ::fstat(directory, &st) == 0 && st.st_ino == BTRFS_FIRST_FREE_OBJECTID &&
         ::fstatfs(directory, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC;
}

bool destroy_subvolume(int parent, const char* name, const std::string& path) {
  constexpr char kStep[] = "remove subvolume";
  btrfs_ioctl_vol_args args{};
  set_name(args.name, name, kStep);
  if (::ioctl(parent, BTRFS_IOC_SNAP_DESTROY, &args) == 0) return true;
  if (errno != ENOTEMPTY) fail_call(kStep, "ioctl(BTRFS_IOC_SNAP_DESTROY)", path);
  return false;
}

}  // namespace tsct::copy
