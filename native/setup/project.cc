#include "setup/project.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "sys/error.h"

namespace tsct {
namespace {

constexpr const char* kStep = "limit size";
constexpr const char* kTemp = ".tsct-project";

void set_project(int fd, uint32_t project, bool directory, const std::string& name) {
  fsxattr attributes;
  check(::ioctl(fd, FS_IOC_FSGETXATTR, &attributes), kStep, "ioctl(FS_IOC_FSGETXATTR)", name);
  attributes.fsx_projid = project;
  if (directory) attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
  check(::ioctl(fd, FS_IOC_FSSETXATTR, &attributes), kStep, "ioctl(FS_IOC_FSSETXATTR)", name);
}

// Links and nodes cannot be opened for an ioctl. Made anew they belong to their directory's project; left as
// they are, a rename of them within the project would be EXDEV.
void make_anew(int dir, const char* name, const struct stat& st) {
  ::unlinkat(dir, kTemp, 0);  // of a run that was killed
  if (S_ISLNK(st.st_mode)) {
    char target[PATH_MAX];
    ssize_t n = check(::readlinkat(dir, name, target, sizeof target - 1), kStep, "readlinkat", name);
    target[n] = 0;
    check(::symlinkat(target, dir, kTemp), kStep, "symlinkat", name);
  } else {
    check(::mknodat(dir, kTemp, st.st_mode, st.st_rdev), kStep, "mknodat", name);
  }
  check(::fchownat(dir, kTemp, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW), kStep, "fchownat", name);
  // After the change of owner, which takes set-id bits.
  if (!S_ISLNK(st.st_mode)) check(::fchmodat(dir, kTemp, st.st_mode & 07777, 0), kStep, "fchmodat", name);
  timespec times[2] = {st.st_atim, st.st_mtim};
  check(::utimensat(dir, kTemp, times, AT_SYMLINK_NOFOLLOW), kStep, "utimensat", name);
  check(::renameat(dir, kTemp, dir, name), kStep, "renameat", name);
}

void assign_below(int dir, uint32_t project);

void assign_entry(int dir, const char* name, uint32_t project) {
  struct stat st;
  check(::fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), kStep, "fstatat", name);
  if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) return make_anew(dir, name, st);
  UniqueFd fd(
      check(::openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), kStep, "openat", name));
  set_project(fd.get(), project, S_ISDIR(st.st_mode), name);
  if (S_ISDIR(st.st_mode)) assign_below(fd.get(), project);
}

void assign_below(int dir, uint32_t project) {
  std::unique_ptr<DIR, int (*)(DIR*)> entries(
      ::fdopendir(check(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), kStep, "openat", ".")),
      ::closedir);
  if (!entries) fail(kStep, "fdopendir");
  std::vector<std::string> names;  // of all at once: what is made anew must not be come by again
  while (dirent* entry = ::readdir(entries.get())) names.emplace_back(entry->d_name);
  for (const auto& name : names)
    if (name != "." && name != ".." && name != kTemp) assign_entry(dir, name.c_str(), project);
  ::unlinkat(dir, kTemp, 0);
}

}  // namespace

uint32_t project_of(int fd) {
  fsxattr attributes;
  return ::ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0 ? 0 : attributes.fsx_projid;
}

void assign_project(const std::string& path, uint32_t project) {
  UniqueFd top(
      check(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), kStep, "open", path));
  if (project_of(top.get()) == project) return;
  assign_below(top.get(), project);
  set_project(top.get(), project, true, path);
}

}  // namespace tsct
