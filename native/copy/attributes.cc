#include "copy/attributes.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <vector>

#include "sys/error.h"

namespace tsct::copy {

namespace {

constexpr mode_t kPermissions = 07777;
const uid_t kOwnUser = ::geteuid();
const gid_t kOwnGroup = ::getegid();

// An open file, or a name in an open directory that is not followed (the calls with *at came with 6.13).
struct Object {
  int fd = -1;
  std::string path;

  Object(int directory, const char* name) : path("/proc/self/fd/" + std::to_string(directory) + '/' + name) {}
  explicit Object(int open) : fd(open) {}

  ssize_t list(char* names, size_t size) const {
    return fd >= 0 ? ::flistxattr(fd, names, size) : ::llistxattr(path.c_str(), names, size);
  }
  ssize_t get(const char* name, char* value, size_t size) const {
    return fd >= 0 ? ::fgetxattr(fd, name, value, size) : ::lgetxattr(path.c_str(), name, value, size);
  }
  int set(const char* name, const char* value, size_t size) const {
    return fd >= 0 ? ::fsetxattr(fd, name, value, size, 0) : ::lsetxattr(path.c_str(), name, value, size, 0);
  }
  int remove(const char* name) const {
    return fd >= 0 ? ::fremovexattr(fd, name) : ::lremovexattr(path.c_str(), name);
  }
};

// Names in their zero-terminated list; empty for most.
std::string kept_names(const Object& object, const Where& where) {
  char fixed[1024];
  std::string all;
  ssize_t size = object.list(fixed, sizeof fixed);
  // ENOENT: a name that went meanwhile, which the next look at its directory tells.
  if (size == 0 || (size < 0 && (errno == ENOTSUP || errno == ENOENT))) return "";
  if (size > 0) {
    all.assign(fixed, static_cast<size_t>(size));
  } else {
    if (errno != ERANGE) fail("read attributes", "listxattr", where.path());
    all.resize(XATTR_LIST_MAX);
    size = object.list(all.data(), all.size());
    if (size < 0) fail("read attributes", "listxattr", where.path());
    all.resize(static_cast<size_t>(size));
  }
  std::string kept;
  for (size_t at = 0; at < all.size(); at += strlen(&all[at]) + 1)
    if (kept_attribute(&all[at])) kept.append(&all[at], strlen(&all[at]) + 1);
  return kept;
}

bool in_list(const std::string& names, const char* name) {
  for (size_t at = 0; at < names.size(); at += strlen(&names[at]) + 1)
    if (strcmp(&names[at], name) == 0) return true;
  return false;
}

void copy_xattrs(const Object& from, const Object& to, Before before, const Where& where) {
  const std::string names = kept_names(from, where);
  if (before == Before::Anything) {
    const std::string old = kept_names(to, where);
    for (size_t at = 0; at < old.size(); at += strlen(&old[at]) + 1)
      if (!in_list(names, &old[at]) && to.remove(&old[at]) < 0 && errno != ENODATA)
        fail("set attributes", "removexattr", where.path());
  }
  std::vector<char> value;
  for (size_t at = 0; at < names.size(); at += strlen(&names[at]) + 1) {
    const char* name = &names[at];
    value.resize(XATTR_SIZE_MAX);
    ssize_t size = from.get(name, value.data(), value.size());
    if (size < 0 && (errno == ENODATA || errno == ENOENT)) continue;
    if (size < 0) fail("read attributes", "getxattr", where.path());
    if (to.set(name, value.data(), static_cast<size_t>(size)) < 0)
      fail(std::string("set attribute ") + name, "setxattr", where.path());
  }
}

}  // namespace

bool kept_attribute(std::string_view name) {
  return name.starts_with("user.") || name == "security.capability" || name == "system.posix_acl_access" ||
         name == "system.posix_acl_default";
}

std::map<std::string, std::string> attributes_of(int directory, const char* name) {
  const Object object(directory, name);
  const std::string names = kept_names(object, {std::make_shared<Place>(), name});
  std::map<std::string, std::string> out;
  std::vector<char> value;
  for (size_t at = 0; at < names.size(); at += strlen(&names[at]) + 1) {
    const std::string_view one = &names[at];
    if (one.starts_with("user.overlay.")) continue;
    value.resize(XATTR_SIZE_MAX);
    ssize_t size = object.get(one.data(), value.data(), value.size());
    if (size >= 0) out.emplace(one, std::string(value.data(), static_cast<size_t>(size)));
  }
  return out;
}

// The order matters: a change of owner clears set-id bits and capabilities (chown(2)), a change of mode
// changes the mask of an ACL; a time comes after all that sets it.
void copy_attributes(int from, int to, const struct stat& st, Before before, mode_t made_mode,
                     const Where& where) {
  struct stat now {};
  if (before == Before::Anything) {
    if (::fstat(to, &now) < 0) fail("look at copy", "fstat", where.path());
  } else {
    now.st_uid = kOwnUser;
    now.st_gid = kOwnGroup;
    now.st_mode = made_mode;
  }
  const bool owned = now.st_uid == st.st_uid && now.st_gid == st.st_gid;
  if (!owned && ::fchown(to, st.st_uid, st.st_gid) < 0) fail("set owner", "fchown", where.path());
  if ((!owned || (now.st_mode & kPermissions) != (st.st_mode & kPermissions)) &&
      ::fchmod(to, st.st_mode & kPermissions) < 0)
    fail("set mode", "fchmod", where.path());
  copy_xattrs(Object(from), Object(to), before, where);
  timespec times[2] = {st.st_atim, st.st_mtim};
  if (::futimens(to, times) < 0) fail("set times", "futimens", where.path());
}

void shed_inherited(int directory, const Where& where) {
  for (const char* acl : {"system.posix_acl_default", "system.posix_acl_access"})
    if (::fremovexattr(directory, acl) < 0 && errno != ENODATA && errno != ENOTSUP)
      fail("set attributes", "fremovexattr", where.path());
  if (::fchown(directory, kOwnUser, kOwnGroup) < 0) fail("set owner", "fchown", where.path());
  if (::fchmod(directory, 0700) < 0) fail("set mode", "fchmod", where.path());
}

void copy_attributes_at(int from_directory, int to_directory, const struct stat& st, Before before,
                        const Where& where) {
  if (::fchownat(to_directory, where.name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
    fail("set owner", "fchownat", where.path());
  if (!S_ISLNK(st.st_mode)) {
    // chmod follows links, but nobody else writes here: what it names was made a moment ago.
    if (::fchmodat(to_directory, where.name, st.st_mode & kPermissions, 0) < 0)
      fail("set mode", "fchmodat", where.path());
    // A link can have none of those that are kept (xattr(7)).
    copy_xattrs(Object(from_directory, where.name), Object(to_directory, where.name), before, where);
  }
  timespec times[2] = {st.st_atim, st.st_mtim};
  if (::utimensat(to_directory, where.name, times, AT_SYMLINK_NOFOLLOW) < 0)
    fail("set times", "utimensat", where.path());
}

}  // namespace tsct::copy
