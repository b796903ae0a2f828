#include "setup/tree.h"

#include <sys/stat.h>

#include "setup/mount.h"
#include "setup/user_namespace.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

struct stat status_of(int fd, const std::string& target) {
  struct stat st;
  check(::fstatat(fd, "", &st, AT_EMPTY_PATH), "look at source", "fstatat", target);
  return st;
}

// The mount point: made as the source is (directory or file) where it is missing.
UniqueFd open_destination(int root_fd, const std::string& path, bool directory, const std::string& step) {
  if (directory) return make_directory_in_root(root_fd, path, step);
  std::string name;
  UniqueFd parent = open_parent_in_root(root_fd, path, name, step);
  UniqueFd made(
      ::openat(parent.get(), name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!made && errno != EEXIST) fail(step, "openat", path);
  return open_in_root(root_fd, path, O_PATH, step);
}

// The user namespace that maps a bind's ids as asked; its ids on disk are presented as the container's.
UniqueFd bind_mapping(const LaunchPlan& plan, const Mount& m, int source, int destination) {
  struct stat owner = status_of(source, m.source);
  uint32_t uid = plan.root_uid(), gid = plan.root_gid();
  switch (m.idmap) {
    case Mount::Idmap::kNone:
      return UniqueFd();
    case Mount::Idmap::kContainer:
      return make_mapping_namespace(plan.uid_mappings, plan.gid_mappings);
    case Mount::Idmap::kGiven:
      return make_mapping_namespace(m.uids, m.gids);
    case Mount::Idmap::kOwner: {
      struct stat target = status_of(destination, m.destination);
      uid = target.st_uid;
      gid = target.st_gid;
      break;
    }
    case Mount::Idmap::kRoot:
      break;
  }
  return make_mapping_namespace({{owner.st_uid, uid, 1}}, {{owner.st_gid, gid, 1}});
}

void bind_source(const LaunchPlan& plan, const Mount& m, int root_fd) {
  std::string step = "bind " + m.source + " to " + m.destination;
  bool inside = m.source[0] == '+';
  UniqueFd source;
  if (inside) {
    source = open_in_root(root_fd, m.source.substr(1), O_PATH, step);
  } else {
    source.reset(::open(m.source.c_str(), O_PATH | O_CLOEXEC));
    if (!source && m.optional && errno == ENOENT) return;
    if (!source) fail(step, "open", m.source);
  }
  bool directory = S_ISDIR(status_of(source.get(), m.source).st_mode);
  UniqueFd destination = open_destination(root_fd, m.destination, directory, step);
  MountOptions options = parse_mount_options(m.options);
  if (!options.data.empty()) refuse(step, options.data[0], "is not an option of a bind");
  UniqueFd mount = clone_mount(source.get(), options.recursive, step, m.source);
  UniqueFd mapping = inside ? UniqueFd() : bind_mapping(plan, m, source.get(), destination.get());
  set_mount_attributes(mount.get(), options.set, 0, options.recursive, mapping.get(), step, m.source);
  attach_mount(mount.get(), destination.get(), step, m.destination);
}

void mount_one(const LaunchPlan& plan, size_t index, int root_fd, TreeParts& parts) {
  const Mount& m = plan.mounts[index];
  std::string step = "mount " + m.destination;
  if (m.type == "bind") return bind_source(plan, m, root_fd);
  if (m.type == "sysfs")
    return build_sys(plan, root_fd, parts.mounted.at(static_cast<uint32_t>(index)).get());
  UniqueFd mount;
  if (m.type == "tmpfs") {
    mount = new_filesystem("tmpfs", m.source, parse_mount_options(m.options), step);
  } else {
    auto it = parts.mounted.find(static_cast<uint32_t>(index));
    if (it == parts.mounted.end()) refuse(step, m.type, "is no kind of mount that tsct knows");
    mount = std::move(it->second);
  }
  attach_mount(mount.get(), make_directory_in_root(root_fd, m.destination, step).get(), step, m.destination);
}

// Below these everything is found by name again once all is mounted (the masks of /proc last of all). Through
// a link, a name may then lead elsewhere than it did before, and a mask would miss.
void refuse_links(int root_fd) {
  for (const char* name : {"proc", "sys", "dev", "run"}) {
    struct stat st;
    if (::fstatat(root_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
      refuse("build tree", std::string("/") + name, "is a symbolic link, and must be a directory", ELOOP);
  }
}

}  // namespace

void build_tree(const LaunchPlan& plan, int root_fd, TreeParts& parts) {
  refuse_links(root_fd);
  for (size_t i = 0; i < plan.mounts.size(); i++) {
    if (plan.mounts[i].type == "cgroup") continue;
    mount_one(plan, i, root_fd, parts);
    // Binds may want to go below /dev or hide something in /run: tsct's own come right after their parents.
    if (plan.mounts[i].destination == "/dev") {
      populate_dev(plan, root_fd);
      parts.dev = open_in_root(root_fd, "/dev", O_PATH | O_DIRECTORY | O_CLOEXEC, "build tree");
    }
    if (plan.mounts[i].destination == "/run") parts.run_host = make_run_host(plan, root_fd, parts);
  }
  if (!parts.run_host) refuse("build tree", "/run", "the plan mounts no /run");
  apply_file_edits(plan.files, root_fd);
  refuse_taken_accounts(plan.bound_users, root_fd);
  protect_paths(plan, root_fd);
  set_mount_attributes(parts.run_host.get(),
                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, false,
                       -1, "seal /run/host", "/run/host");
}

void finish_tree(const LaunchPlan& plan, int root_fd, TreeParts& parts) {
  for (size_t i = 0; i < plan.mounts.size(); i++)
    if (plan.mounts[i].type == "cgroup") mount_one(plan, i, root_fd, parts);
  cover_with_view(parts.view, root_fd);
  // Last: mount points and files had to be made in it.
  if (plan.rootfs.readonly)
    set_mount_attributes(root_fd, MOUNT_ATTR_RDONLY, 0, false, -1, "make root read-only", "/");
}

}  // namespace tsct
