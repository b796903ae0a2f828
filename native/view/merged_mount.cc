#include "view/merged_mount.h"

#include <sys/stat.h>

#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"
#include "sys/unique_fd.h"

namespace tsct {

namespace {

constexpr uint64_t kAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr unsigned long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
// mount(2): options are at most a page; the last byte is taken.
constexpr size_t kOptionsMax = 4095;

UniqueFd open_tree_directory(const std::string& path) {
  constexpr int kOpen = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  return UniqueFd(check(::open(path.c_str(), kOpen), "open tree", "open", path));
}

void bind(int tree, int at, const std::string& path) {
  // Without AT_RECURSIVE: what is mounted inside a tree is no part of it.
  UniqueFd mount(check(::open_tree(tree, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH),
                       "bind tree", "open_tree", path));
  mount_attr attr{};
  attr.attr_set = kAttributes;
  // While it is still detached: there is no moment at which it is writable.
  check(::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attr, sizeof attr), "bind tree", "mount_setattr",
        path);
  check(::move_mount(mount.get(), "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), "bind tree",
        "move_mount", path);
}

// mount(2) and not fsconfig(2): before 6.5 that takes no option longer than 255 bytes, and "lowerdir+" is
// there since 6.8 only. Each layer is named by its descriptor, relative to /proc/self/fd: 3 or 4 bytes, so
// that a page of options holds more of them than overlay takes (500).
void overlay(const std::vector<UniqueFd>& trees, const std::string& at) {
  std::string options = "userxattr,lowerdir=";
  for (size_t i = trees.size(); i-- > 0;) {
    options += std::to_string(trees[i].get());
    if (i > 0) options += ':';
  }
  if (options.size() > kOptionsMax) refuse("merge trees", at, "too many trees", E2BIG);
  UniqueFd cwd(check(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), "merge trees", "open", "."));
  check(::chdir("/proc/self/fd"), "merge trees", "chdir", "/proc/self/fd");
  check(::mount("tsct", at.c_str(), "overlay", kFlags, options.c_str()), "merge trees", "mount", at);
  check(::fchdir(cwd.get()), "merge trees", "fchdir", ".");
}

}  // namespace

void make_private_directories(const std::string& at) {
  for (size_t slash = 1; slash != std::string::npos;) {
    slash = at.find('/', slash);
    std::string part = at.substr(0, slash);
    const mode_t mode = slash == std::string::npos ? 0700 : 0755;
    if (::mkdir(part.c_str(), mode) < 0 && errno != EEXIST) fail("make directory", "mkdir", part);
    if (slash != std::string::npos) slash++;
  }
}

void enter_private_mounts() {
  check(::unshare(CLONE_NEWNS), "leave the host's mounts", "unshare");
  check(::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr), "leave the host's mounts", "mount", "/");
}

void mount_merged(const std::vector<std::string>& trees, const std::string& at) {
  std::vector<UniqueFd> opened;
  for (const std::string& tree : trees) opened.push_back(open_tree_directory(tree));
  if (opened.size() == 1) {
    UniqueFd target(
        check(::open(at.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), "bind tree", "open", at));
    return bind(opened[0].get(), target.get(), trees[0]);
  }
  overlay(opened, at);
}

void mount_notes(const std::vector<NotedFile>& files, const std::string& at) {
  constexpr unsigned long kTmpfsFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  check(::mount("tsct", at.c_str(), "tmpfs", kTmpfsFlags, "mode=0700"), "show files", "mount", at);
  check(::chdir(at.c_str()), "show files", "chdir", at);
  check(::mkdir("rootfs", 0700), "show files", "mkdir", "rootfs");
  for (const NotedFile& file : files) {
    size_t slash = file.name.find('/');
    std::string directory = file.name.substr(0, slash);
    if (slash != std::string::npos && ::mkdir(directory.c_str(), 0700) < 0 && errno != EEXIST)
      fail("show files", "mkdir", directory);
    constexpr int kOpen = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd to(check(::open(file.name.c_str(), kOpen, 0600), "show files", "open", file.name));
    std::string text = read_fd(file.fd, "show files", file.name);
    for (size_t done = 0; done < text.size();) {
      ssize_t n = ::write(to.get(), text.data() + done, text.size() - done);
      if (n < 0 && errno == EINTR) continue;
      done += static_cast<size_t>(check(n, "show files", "write", file.name));
    }
    ::close(file.fd);
  }
  check(::mount(nullptr, at.c_str(), nullptr, MS_REMOUNT | MS_RDONLY | kTmpfsFlags, nullptr), "show files",
        "mount", at);
}

}  // namespace tsct
