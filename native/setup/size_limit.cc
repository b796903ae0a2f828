#include "setup/size_limit.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/dqblk_xfs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <filesystem>

#include "setup/project.h"
#include "sys/error.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "limit size";
constexpr int kProject = 2;  // PRJQUOTA of linux/quota.h, which does not go together with sys/quota.h

UniqueFd open_directory(const std::string& path) {
  return UniqueFd(
      check(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), kStep, "open", path));
}

// Quotas may count without limiting (mounted without prjquota, or turned off by quotaoff).
void need_enforcement(int fd, const std::string& path) {
  fs_quota_statv state{};
  state.qs_version = FS_QSTATV_VERSION1;
  check(quotactl_fd(fd, QCMD(Q_XGETQSTATV, kProject), 0, &state), kStep, "quotactl(Q_XGETQSTATV)", path);
  if (!(state.qs_flags & FS_QUOTA_PDQ_ENFD))
    refuse(kStep, path, "project quotas are counted and not enforced");
}

int set_project_limit(int fd, uint32_t project, uint64_t bytes) {
  dqblk limit{};
  limit.dqb_bhardlimit = (bytes + 1023) / 1024;  // 0: none
  limit.dqb_valid = QIF_BLIMITS;
  return quotactl_fd(fd, QCMD(Q_SETQUOTA, kProject), static_cast<int>(project), &limit);
}

void limit_project(const std::string& path, uint32_t project, uint64_t bytes) {
  UniqueFd fd = open_directory(path);
  need_enforcement(fd.get(), path);
  assign_project(path, project);
  check(set_project_limit(fd.get(), project, bytes), kStep, "quotactl(Q_SETQUOTA)", path);
}

bool is_subvolume(int fd) {
  struct statfs fs;
  struct stat st;
  return ::fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC && ::fstat(fd, &st) == 0 &&
         st.st_ino == BTRFS_FIRST_FREE_OBJECTID;
}

// What the subvolume refers to, shared with snapshots or not. Its own group is 0/ID (btrfs-quota(8)).
int set_subvolume_limit(int fd, uint64_t bytes) {
  btrfs_ioctl_ino_lookup_args lookup{};
  lookup.objectid = BTRFS_FIRST_FREE_OBJECTID;
  if (::ioctl(fd, BTRFS_IOC_INO_LOOKUP, &lookup) < 0) return -1;
  btrfs_ioctl_qgroup_limit_args args{};
  args.qgroupid = lookup.treeid;
  args.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER;
  args.lim.max_rfer = bytes == 0 ? UINT64_MAX : bytes;  // all ones: none
  return ::ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args);
}

void limit_subvolume(const std::string& path, uint64_t bytes, const std::string& state_root) {
  UniqueFd fd = open_directory(path);
  if (!is_subvolume(fd.get())) refuse(kStep, path, "is not a subvolume of btrfs");
  if (set_subvolume_limit(fd.get(), bytes) == 0) return;
  if (errno == ENOTCONN)
    refuse(kStep, path, "quotas are off on this file system; turn them on: btrfs quota enable " + state_root);
  fail(kStep, "ioctl(BTRFS_IOC_QGROUP_LIMIT)", path);
}

// Where quotas are off by now there is nothing to lift.
void lift(const std::string& path, uint32_t project) {
  UniqueFd fd = open_directory(path);
  int done = is_subvolume(fd.get())            ? set_subvolume_limit(fd.get(), 0)
             : project_of(fd.get()) == project ? set_project_limit(fd.get(), project, 0)
                                               : 0;
  if (done < 0 && errno != ENOTCONN && errno != ENOENT && errno != ESRCH && errno != ENOSYS)
    fail(kStep, "lift limit", path);
}

}  // namespace

void limit_size(const LaunchPlan& plan) {
  const RootfsPlan& rootfs = plan.rootfs;
  if (rootfs.upper == RootfsPlan::Upper::kMemory) return;  // its tmpfs has a size
  const std::string& path = rootfs.overlay ? rootfs.upper_dir : rootfs.path;
  // No other container has this id: it serves as the number of its project, too.
  uint32_t project = plan.root_uid();
  switch (rootfs.limit_by) {
    case RootfsPlan::LimitBy::kNothing:
      return lift(path, project);
    case RootfsPlan::LimitBy::kProject:
      return limit_project(path, project, rootfs.limit_bytes);
    case RootfsPlan::LimitBy::kSubvolume:
      return limit_subvolume(path, rootfs.limit_bytes,
                             std::filesystem::path(plan.container_dir).parent_path());
    case RootfsPlan::LimitBy::kMemory:
      refuse(kStep, path, "is not in memory");
  }
}

}  // namespace tsct
