#include "copy/source.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "copy/attributes.h"
#include "setup/mount.h"
#include "sys/error.h"
#include "sys/file.h"
#include "view/merged_mount.h"

namespace tsct::copy {

namespace {

UniqueFd open_directory(const std::string& path, int flags) {
  return UniqueFd(
      check(::open(path.c_str(), flags | O_DIRECTORY | O_CLOEXEC), "open directory", "open", path));
}

std::string real_path(const std::string& path) {
  std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), ::free);
  if (!real) fail("open tree", "realpath", path);
  return real.get();
}

// mountinfo writes blank, tab, newline and backslash as \ooo (proc(5)).
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

UniqueFd open_source(const std::string& path) {
  constexpr char kStep[] = "open tree";
  UniqueFd place = open_directory(path, O_PATH);
  UniqueFd mount = clone_mount(place.get(), false, kStep, path);
  set_mount_attributes(mount.get(),
                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME, 0,
                       false, -1, kStep, path);
  return UniqueFd(
      check(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), kStep, "openat", path));
}

UniqueFd open_merged(const std::vector<std::string>& paths, const std::string& at) {
  enter_private_mounts();
  const std::string place = real_path(at);
  mount_merged(paths, place);
  UniqueFd root = open_source(place);
  check(::umount2(place.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW), "open tree", "umount2", place);
  return root;
}

std::vector<std::string> mounts_below(const std::string& path) {
  std::string prefix = real_path(path);
  if (!prefix.ends_with('/')) prefix += '/';
  std::vector<std::string> out;
  std::string table = read_file(AT_FDCWD, "/proc/self/mountinfo", "read mounts");
  for (size_t at = 0, end; at < table.size(); at = end + 1) {
    end = table.find('\n', at);
    if (end == std::string::npos) end = table.size();
    std::string_view line(&table[at], end - at);
    // The fifth word: "36 35 98:0 /mnt1 /mnt2 rw,noatime ..."
    for (int word = 0; word < 4; word++) line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    std::string target = unescape(line.substr(0, line.find(' ')));
    if (target.starts_with(prefix)) out.push_back(target.substr(prefix.size()));
  }
  return out;
}

UniqueFd open_target(const std::string& path) {
  UniqueFd fd = open_directory(path, O_RDONLY);
  struct Close {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  std::unique_ptr<DIR, Close> entries(::fdopendir(open_directory(path, O_RDONLY).release()));
  if (!entries) fail("open directory", "fdopendir", path);
  while (dirent* one = ::readdir(entries.get()))
    if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0)
      refuse("copy into", path, "it is not empty", ENOTEMPTY);
  shed_inherited(fd.get(), {std::make_shared<Place>(nullptr, ""), path.c_str()});
  return fd;
}

}  // namespace tsct::copy
