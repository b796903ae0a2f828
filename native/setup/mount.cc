#include "setup/mount.h"

#include <sys/stat.h>

#include <cstring>
#include <unordered_map>

#include "sys/error.h"
#include "sys/syscalls.h"

namespace tsct {

MountOptions parse_mount_options(const std::vector<std::string>& options) {
  static const std::unordered_map<std::string, uint64_t> flags = {{"ro", MOUNT_ATTR_RDONLY},
                                                                  {"nosuid", MOUNT_ATTR_NOSUID},
                                                                  {"nodev", MOUNT_ATTR_NODEV},
                                                                  {"noexec", MOUNT_ATTR_NOEXEC},
                                                                  {"noatime", MOUNT_ATTR_NOATIME},
                                                                  {"strictatime", MOUNT_ATTR_STRICTATIME},
                                                                  {"relatime", MOUNT_ATTR_RELATIME},
                                                                  {"nodiratime", MOUNT_ATTR_NODIRATIME},
                                                                  {"rw", 0},
                                                                  {"suid", 0},
                                                                  {"exec", 0},
                                                                  {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW}};
  MountOptions out;
  for (const auto& option : options) {
    if (option == "bind" || option == "rbind") {
      out.bind = true;
      out.recursive = option == "rbind";
    } else if (auto it = flags.find(option); it != flags.end()) {
      out.set |= it->second;
    } else if (option == "idmap" || option == "ridmap") {
      continue;  // said by tsct.mounts[].idmap
    } else {
      out.data.push_back(option);
    }
  }
  return out;
}

namespace {

// The kernel says what it disliked on the context's own fd: fsopen(2), "Message retrieval".
[[noreturn]] void fail_context(int fs, std::string_view step, std::string_view call,
                               const std::string& target) {
  SysError error{"", std::string(step), std::string(call), errno, target, ""};
  char message[512];
  ssize_t n;
  while ((n = ::read(fs, message, sizeof message)) > 0) {
    if (!error.detail.empty()) error.detail += "; ";
    error.detail.append(message, static_cast<size_t>(n));
    while (!error.detail.empty() && error.detail.back() == '\n') error.detail.pop_back();
  }
  throw error;
}

}  // namespace

UniqueFd new_filesystem(const std::string& type, const std::string& source, const MountOptions& options,
                        std::string_view step) {
  UniqueFd fs(check(::fsopen(type.c_str(), FSOPEN_CLOEXEC), step, "fsopen", type));
  auto config = [&](unsigned command, const char* key, const char* value) {
    if (::fsconfig(fs.get(), command, key, value, 0) < 0)
      fail_context(fs.get(), step, "fsconfig", type + " " + (key ? key : "create"));
  };
  if (!source.empty()) config(FSCONFIG_SET_STRING, "source", source.c_str());
  for (const auto& option : options.data) {
    size_t equals = option.find('=');
    if (equals == std::string::npos)
      config(FSCONFIG_SET_FLAG, option.c_str(), nullptr);
    else
      config(FSCONFIG_SET_STRING, option.substr(0, equals).c_str(), option.c_str() + equals + 1);
  }
  config(FSCONFIG_CMD_CREATE, nullptr, nullptr);
  int mount = ::fsmount(fs.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(options.set));
  if (mount < 0) fail_context(fs.get(), step, "fsmount", type);
  return UniqueFd(mount);
}

UniqueFd clone_mount(int fd, bool recursive, std::string_view step, std::string_view target) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return UniqueFd(check(::open_tree(fd, "", flags), step, "open_tree", target));
}

void set_mount_attributes(int mount_fd, uint64_t set, uint64_t clear, bool recursive, int userns_fd,
                          std::string_view step, std::string_view target) {
  mount_attr attr{};
  attr.attr_set = set;
  attr.attr_clr = clear;
  // The access time settings are one field: setting any of them means clearing it first (mount_setattr(2)).
  if (set & MOUNT_ATTR__ATIME) attr.attr_clr |= MOUNT_ATTR__ATIME;
  if (userns_fd >= 0) {
    attr.attr_set |= MOUNT_ATTR_IDMAP;
    attr.userns_fd = static_cast<uint64_t>(userns_fd);
  }
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  check(::mount_setattr(mount_fd, "", flags, &attr, sizeof attr), step,
        userns_fd >= 0 ? "mount_setattr(idmap)" : "mount_setattr", target);
}

void attach_mount(int mount_fd, int target_fd, std::string_view step, std::string_view target) {
  check(::move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH), step,
        "move_mount", target);
}

}  // namespace tsct
