#include "archive/tree_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include "archive/xattrs.h"
#include "copy/remove.h"
#include "sys/error.h"
#include "sys/syscalls.h"

namespace tsct::archive {

namespace {

constexpr uint64_t kConfined = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

void set_times(int fd, const Entry& entry) {
  timespec times[2] = {entry.atime, entry.mtime};
  check(::futimens(fd, times), "set times", "futimens", entry.path);
}

}  // namespace

UniqueFd TreeWriter::open_directory(const std::string& path, int flags) {
  return UniqueFd(openat2(root_fd_, path.empty() ? "." : path.c_str(),
                          static_cast<uint64_t>(flags | O_DIRECTORY), kConfined));
}

TreeWriter::Place TreeWriter::place(const std::string& path) {
  size_t slash = path.rfind('/');
  std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  std::string leaf = slash == std::string::npos ? path : path.substr(slash + 1);
  if (cached_ && parent == cached_path_) return {cached_, leaf};
  UniqueFd fd = open_directory(parent, O_PATH);
  if (!fd && errno == ENOENT) {
    Place up = place(parent);
    if (::mkdirat(up.directory->get(), up.leaf.c_str(), 0755) < 0 && errno != EEXIST)
      fail("make directory", "mkdirat", parent);
    fd = open_directory(parent, O_PATH);
  }
  if (!fd && errno == ELOOP) refuse("make entry", path, "its name goes through a symbolic link", ELOOP);
  if (!fd && errno == ENOTDIR) refuse("make entry", path, "its parent is no directory", ENOTDIR);
  check(fd.get(), "open directory", "openat2", parent);
  cached_path_ = parent;
  cached_ = std::make_shared<UniqueFd>(std::move(fd));
  return {cached_, leaf};
}

bool TreeWriter::make_room(const Place& place, const std::string& path, bool keep_directory) {
  struct stat st;
  if (::fstatat(place.directory->get(), place.leaf.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return true;
    fail("look at entry", "fstatat", path);
  }
  if (S_ISDIR(st.st_mode)) {
    if (keep_directory) return false;
    // A file descriptor of the directory may be the cached one.
    cached_.reset();
    if (changes_) {
      const auto folder = std::make_shared<copy::Place>(nullptr, "");
      copy::remove_at(place.directory->get(), {folder, place.leaf.c_str()});
      return true;
    }
    if (::unlinkat(place.directory->get(), place.leaf.c_str(), AT_REMOVEDIR) < 0) {
      if (errno == ENOTEMPTY)
        refuse("make entry", path, "a directory that is not empty has this name", errno);
      fail("remove directory", "unlinkat", path);
    }
    return true;
  }
  check(::unlinkat(place.directory->get(), place.leaf.c_str(), 0), "replace entry", "unlinkat", path);
  return true;
}

UniqueFd TreeWriter::create_file(const Place& place, const std::string& path) {
  constexpr int kFlags = O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC;
  int fd = ::openat(place.directory->get(), place.leaf.c_str(), kFlags, 0600);
  if (fd < 0 && errno == EEXIST) {
    make_room(place, path, false);
    fd = ::openat(place.directory->get(), place.leaf.c_str(), kFlags, 0600);
  }
  return UniqueFd(check(fd, "make file", "openat", path));
}

void TreeWriter::finish_file(int fd, const Entry& entry) {
  set_attributes(fd, entry);
  set_times(fd, entry);
}

// The order matters: a change of owner clears set-id bits and file capabilities (chown(2)), a mode changes
// the mask of an ACL, so owner, then mode, then attributes.
void TreeWriter::set_attributes(int fd, const Entry& entry) {
  mode_t mode = entry.mode & 07777;
  const bool drop = privileges_ == Privileges::Drop;
  check(::fchown(fd, entry.uid, entry.gid), "set owner", "fchown", entry.path);
  if (drop && !entry.is(S_IFDIR) && (mode & (S_ISUID | S_ISGID))) {
    mode &= ~static_cast<mode_t>(S_ISUID | S_ISGID);
    report_.strip("set-id");
  }
  check(::fchmod(fd, mode), "set mode", "fchmod", entry.path);
  if (!drop) return write_xattrs(fd, entry, report_);
  Entry plain = entry;
  if (std::erase_if(plain.xattrs, [](const Xattr& x) { return x.name == kCapability; }))
    report_.strip(std::string(kCapability));
  write_xattrs(fd, plain, report_);
}

void TreeWriter::make(const Entry& entry) {
  if (!entry.hardlink.empty()) return make_hardlink(entry);
  if (entry.is(S_IFDIR)) return make_directory(entry);
  if (entry.is(S_IFLNK)) return make_symlink(entry);
  make_node(entry);
}

void TreeWriter::make_directory(const Entry& entry) {
  if (!entry.path.empty()) {
    Place at = place(entry.path);
    if (::mkdirat(at.directory->get(), at.leaf.c_str(), 0700) < 0) {
      if (errno != EEXIST) fail("make directory", "mkdirat", entry.path);
      if (make_room(at, entry.path, true))
        check(::mkdirat(at.directory->get(), at.leaf.c_str(), 0700), "make directory", "mkdirat", entry.path);
      else if (changes_)
        keep_directory(entry);
    }
  } else if (changes_) {
    keep_directory(entry);
  }
  directories_.push_back(entry);
}

// What is made in it from here on must not get a group or an ACL from it.
void TreeWriter::keep_directory(const Entry& entry) {
  UniqueFd fd = open_directory(entry.path, O_RDONLY);
  check(fd.get(), "open directory", "openat2", entry.path);
  remove_xattrs(fd.get(), entry.path);
  check(::fchmod(fd.get(), 0700), "set mode", "fchmod", entry.path);
}

void TreeWriter::make_symlink(const Entry& entry) {
  Place at = place(entry.path);
  const int dir = at.directory->get();
  int made = ::symlinkat(entry.target.c_str(), dir, at.leaf.c_str());
  if (made < 0 && errno == EEXIST) {
    make_room(at, entry.path, false);
    made = ::symlinkat(entry.target.c_str(), dir, at.leaf.c_str());
  }
  check(made, "make symbolic link", "symlinkat", entry.path);
  check(::fchownat(dir, at.leaf.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW), "set owner", "fchownat",
        entry.path);
  timespec times[2] = {entry.atime, entry.mtime};
  check(::utimensat(dir, at.leaf.c_str(), times, AT_SYMLINK_NOFOLLOW), "set times", "utimensat", entry.path);
}

void TreeWriter::make_hardlink(const Entry& entry) {
  if (entry.hardlink.empty() || entry.hardlink == entry.path) return;
  // Not place(): that would make the parents of a target that is not there.
  size_t slash = entry.hardlink.rfind('/');
  UniqueFd from = open_directory(slash == std::string::npos ? "" : entry.hardlink.substr(0, slash), O_PATH);
  std::string from_leaf = slash == std::string::npos ? entry.hardlink : entry.hardlink.substr(slash + 1);
  if (!from && errno == ELOOP)
    refuse("make hard link", entry.path, "its target " + entry.hardlink + " is behind a symbolic link",
           ELOOP);
  Place at = place(entry.path);
  int made = -1;
  if (from) made = ::linkat(from.get(), from_leaf.c_str(), at.directory->get(), at.leaf.c_str(), 0);
  if (from && made < 0 && errno == EEXIST) {
    make_room(at, entry.path, false);
    made = ::linkat(from.get(), from_leaf.c_str(), at.directory->get(), at.leaf.c_str(), 0);
  }
  if (made < 0 && (errno == ENOENT || errno == ENOTDIR))
    refuse("make hard link", entry.path, "its target " + entry.hardlink + " is not in the tree", errno);
  check(made, "make hard link", "linkat", entry.path);
}

void TreeWriter::make_node(const Entry& entry) {
  const bool device = entry.is(S_IFCHR) || entry.is(S_IFBLK);
  if (changes_ && entry.is(S_IFCHR) && entry.device == 0) {
    make_room(place(entry.path), entry.path, false);
    return;
  }
  if (device && privileges_ == Privileges::Drop) return report_.strip("device node");
  Place at = place(entry.path);
  const int dir = at.directory->get();
  int made = ::mknodat(dir, at.leaf.c_str(), entry.mode, entry.device);
  if (made < 0 && errno == EEXIST) {
    make_room(at, entry.path, false);
    made = ::mknodat(dir, at.leaf.c_str(), entry.mode, entry.device);
  }
  // mknod(2) of a device is refused in a user namespace: said in the summary, no reason to stop a copy.
  if (made < 0 && errno == EPERM && device) return report_.strip("device node");
  check(made, "make node", "mknodat", entry.path);
  check(::fchownat(dir, at.leaf.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW), "set owner", "fchownat",
        entry.path);
  for (const Xattr& xattr : entry.xattrs) report_.strip(xattr.name);
  timespec times[2] = {entry.atime, entry.mtime};
  check(::utimensat(dir, at.leaf.c_str(), times, AT_SYMLINK_NOFOLLOW), "set times", "utimensat", entry.path);
}

void TreeWriter::finish() {
  cached_.reset();
  for (const Entry& entry : directories_) {
    UniqueFd fd = open_directory(entry.path, O_RDONLY);
    if (!fd) {
      // A later entry put something else here.
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) continue;
      fail("open directory", "openat2", entry.path);
    }
    set_attributes(fd.get(), entry);
    set_times(fd.get(), entry);
  }
  directories_.clear();
}

}  // namespace tsct::archive
