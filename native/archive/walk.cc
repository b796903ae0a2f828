#include "archive/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "sys/error.h"

namespace tsct::archive {

namespace {

struct Status {
  Found found;
  uint64_t mount = 0;
};

timespec time_of(const statx_timestamp& t) {
  return {static_cast<time_t>(t.tv_sec), static_cast<long>(t.tv_nsec)};
}

// STATX_MNT_ID (since 5.8) and not st_dev: a btrfs subvolume has a device number of its own and is no mount.
Status status_of(const std::shared_ptr<UniqueFd>& parent, const std::string& name, const std::string& path) {
  struct statx sx;
  check(::statx(parent->get(), name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                STATX_BASIC_STATS | STATX_MNT_ID, &sx),
        "look at file", "statx", path);
  Status status;
  Found& found = status.found;
  found.parent = parent;
  found.name = name;
  found.sparse = S_ISREG(sx.stx_mode) && sx.stx_blocks * 512 < sx.stx_size;
  Entry& entry = found.entry;
  entry.path = path;
  entry.mode = sx.stx_mode;
  entry.uid = sx.stx_uid;
  entry.gid = sx.stx_gid;
  entry.device = makedev(sx.stx_rdev_major, sx.stx_rdev_minor);
  entry.size = S_ISREG(sx.stx_mode) ? static_cast<int64_t>(sx.stx_size) : 0;
  entry.atime = time_of(sx.stx_atime);
  entry.mtime = time_of(sx.stx_mtime);
  if (S_ISLNK(sx.stx_mode)) {
    entry.target.resize(PATH_MAX);
    ssize_t n = ::readlinkat(parent->get(), name.c_str(), entry.target.data(), entry.target.size());
    entry.target.resize(static_cast<size_t>(check(n, "read link", "readlinkat", path)));
  }
  status.mount = sx.stx_mnt_id;
  found.inode = sx.stx_ino;
  found.device = makedev(sx.stx_dev_major, sx.stx_dev_minor);
  found.links = sx.stx_nlink;
  return status;
}

class Walker {
 public:
  Walker(Report& report, const std::function<void(const Found&)>& visit) : report_(report), visit_(visit) {}

  void run(int root_fd) {
    auto root = std::make_shared<UniqueFd>(
        check(::openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open directory", "openat", "."));
    Status status = status_of(root, ".", "");
    mount_ = status.mount;
    visit_(status.found);
    inside(root, "");
  }

 private:
  void inside(const std::shared_ptr<UniqueFd>& directory, const std::string& path) {
    for (const std::string& name : names_in(directory->get(), path)) {
      std::string child = path.empty() ? name : path + '/' + name;
      Status status = status_of(directory, name, child);
      Entry& entry = status.found.entry;
      links_.look_up(status.found);
      bool covered = status.mount != mount_;
      // A file that another one is mounted over cannot be read from here: left out. A directory stays, empty.
      if (covered) report_.skip_mount(child);
      if (covered && !entry.is(S_IFDIR)) continue;
      visit_(status.found);
      if (covered || !entry.is(S_IFDIR)) continue;
      inside(std::make_shared<UniqueFd>(open_found(status.found)), child);
    }
  }

  static std::vector<std::string> names_in(int fd, const std::string& path) {
    // fdopendir(3) takes the descriptor over.
    int copy = check(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open directory", "openat", path);
    struct Close {
      void operator()(DIR* open) const { ::closedir(open); }
    };
    std::unique_ptr<DIR, Close> dir(::fdopendir(copy));
    if (!dir) fail("open directory", "fdopendir", path);
    std::vector<std::string> names;
    errno = 0;
    while (dirent* one = ::readdir(dir.get()))
      if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0) names.emplace_back(one->d_name);
    if (errno != 0) fail("read directory", "readdir", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  Report& report_;
  const std::function<void(const Found&)>& visit_;
  uint64_t mount_ = 0;
  LinkTable links_;
};

}  // namespace

void LinkTable::look_up(Found& found) {
  if (found.links < 2 || found.entry.is(S_IFDIR)) return;
  auto [first, fresh] = first_.try_emplace({found.device, found.inode}, found.entry.path, found.links);
  if (!fresh) found.entry.hardlink = first->second.first;
  // After its last name nobody asks again: what is remembered stays small.
  if (--first->second.second == 0) first_.erase(first);
}

void walk(int root_fd, Report& report, const std::function<void(const Found&)>& visit) {
  Walker(report, visit).run(root_fd);
}

Found look(const std::shared_ptr<UniqueFd>& parent, const std::string& name, const std::string& path) {
  return status_of(parent, name, path).found;
}

UniqueFd open_found(const Found& found) {
  int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  // O_NOATIME is for the owner and for CAP_FOWNER (open(2)).
  int fd = ::openat(found.parent->get(), found.name.c_str(), flags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = ::openat(found.parent->get(), found.name.c_str(), flags);
  return UniqueFd(check(fd, "open file", "openat", found.entry.path));
}

}  // namespace tsct::archive
