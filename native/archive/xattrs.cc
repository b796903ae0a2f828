#include "archive/xattrs.h"

#include <archive.h>
#include <archive_entry.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstring>

namespace tsct::archive {

bool allowed_xattr(std::string_view name) {
  if (name == kCapability || name == kAclAccess || name == kAclDefault) return true;
  return name.starts_with("user.") && !name.starts_with("user.overlay.");
}

// Names of all attributes, each with its zero byte; empty where there are none.
static std::string list_xattrs(int fd, const std::string& path) {
  char fixed[1024];
  ssize_t length = ::flistxattr(fd, fixed, sizeof fixed);
  if (length >= 0) return std::string(fixed, static_cast<size_t>(length));
  if (errno == ENOTSUP) return "";
  if (errno != ERANGE) fail("read attributes", "flistxattr", path);
  std::string names(XATTR_LIST_MAX, '\0');
  length = check(::flistxattr(fd, names.data(), names.size()), "read attributes", "flistxattr", path);
  names.resize(static_cast<size_t>(length));
  return names;
}

std::vector<Xattr> read_xattrs(int fd, const std::string& path, Report& report) {
  std::vector<Xattr> out;
  const std::string names = list_xattrs(fd, path);
  for (size_t at = 0; at < names.size(); at += strlen(&names[at]) + 1) {
    std::string name(&names[at]);
    if (!allowed_xattr(name)) {
      report.strip(name);
      continue;
    }
    std::string value(XATTR_SIZE_MAX, '\0');
    ssize_t size = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (size < 0 && errno == ENODATA) continue;
    check(size, "read attributes", "fgetxattr", path);
    value.resize(static_cast<size_t>(size));
    out.push_back({std::move(name), std::move(value)});
  }
  std::sort(out.begin(), out.end(), [](const Xattr& a, const Xattr& b) { return a.name < b.name; });
  return out;
}

void remove_other_xattrs(int fd, const std::string& path, Report& report) {
  const std::string names = list_xattrs(fd, path);
  for (size_t at = 0; at < names.size(); at += strlen(&names[at]) + 1) {
    const char* name = &names[at];
    if (allowed_xattr(name)) continue;
    if (::fremovexattr(fd, name) < 0 && errno != ENODATA)
      fail(std::string("take attribute ") + name + " away", "fremovexattr", path);
    report.strip(name);
  }
}

void remove_xattrs(int fd, const std::string& path) {
  const std::string names = list_xattrs(fd, path);
  for (size_t at = 0; at < names.size(); at += strlen(&names[at]) + 1) {
    const char* name = &names[at];
    if (allowed_xattr(name) && ::fremovexattr(fd, name) < 0 && errno != ENODATA)
      fail(std::string("take attribute ") + name + " away", "fremovexattr", path);
  }
}

void write_xattrs(int fd, const Entry& entry, Report& report) {
  for (const Xattr& xattr : entry.xattrs) {
    if (!allowed_xattr(xattr.name)) {
      report.strip(xattr.name);
      continue;
    }
    if (::fsetxattr(fd, xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0) == 0) continue;
    if (errno != ENOTSUP) fail("set attribute " + xattr.name, "fsetxattr", entry.path);
    report.strip(xattr.name);
  }
}

namespace {

struct TagPair {
  int archive;
  uint16_t kernel;
};
// In the order in which the kernel wants them (posix_acl_valid()).
constexpr TagPair kTags[] = {
    {ARCHIVE_ENTRY_ACL_USER_OBJ, ACL_USER_OBJ},   {ARCHIVE_ENTRY_ACL_USER, ACL_USER},
    {ARCHIVE_ENTRY_ACL_GROUP_OBJ, ACL_GROUP_OBJ}, {ARCHIVE_ENTRY_ACL_GROUP, ACL_GROUP},
    {ARCHIVE_ENTRY_ACL_MASK, ACL_MASK},           {ARCHIVE_ENTRY_ACL_OTHER, ACL_OTHER},
};

void append_le(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) out += static_cast<char>(value >> (8 * i) & 0xff);
}

uint32_t read_le(const std::string& in, size_t at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++)
    value |= static_cast<uint32_t>(static_cast<unsigned char>(in[at + i])) << (8 * i);
  return value;
}

// One list as attribute value; empty when there is none.
std::string acl_value(::archive_entry* from, int type, Report& report) {
  struct Ace {
    uint16_t tag;
    uint16_t perm;
    uint32_t id;
  };
  std::vector<Ace> aces;
  int found_type, permset, tag, id;
  const char* name;
  archive_entry_acl_reset(from, type);
  while (archive_entry_acl_next(from, type, &found_type, &permset, &tag, &id, &name) == ARCHIVE_OK) {
    const TagPair* pair =
        std::find_if(std::begin(kTags), std::end(kTags), [&](auto& t) { return t.archive == tag; });
    if (pair == std::end(kTags)) continue;
    bool named = pair->kernel == ACL_USER || pair->kernel == ACL_GROUP;
    if (named && id < 0) {
      report.strip("acl entry for " + std::string(name ? name : "?"));
      continue;
    }
    aces.push_back(
        {pair->kernel, static_cast<uint16_t>(permset & 7), named ? static_cast<uint32_t>(id) : ~0u});
  }
  if (aces.empty()) return "";
  std::stable_sort(aces.begin(), aces.end(), [](const Ace& a, const Ace& b) { return a.tag < b.tag; });
  std::string out;
  append_le(out, POSIX_ACL_XATTR_VERSION, 4);
  for (const Ace& ace : aces) {
    append_le(out, ace.tag, 2);
    append_le(out, ace.perm, 2);
    append_le(out, ace.id, 4);
  }
  return out;
}

}  // namespace

void acl_from_archive(::archive_entry* from, Entry& to, Report& report) {
  // An access list of three entries says no more than the mode does.
  if (archive_entry_acl_reset(from, ARCHIVE_ENTRY_ACL_TYPE_ACCESS) > 3) {
    std::string value = acl_value(from, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, report);
    if (!value.empty()) to.xattrs.push_back({std::string(kAclAccess), value});
  }
  if (archive_entry_acl_reset(from, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT) > 0) {
    std::string value = acl_value(from, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, report);
    if (!value.empty()) to.xattrs.push_back({std::string(kAclDefault), value});
  }
}

void acl_to_archive(const Xattr& acl, ::archive_entry* to) {
  int type = acl.name == kAclAccess ? ARCHIVE_ENTRY_ACL_TYPE_ACCESS : ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
  for (size_t at = 4; at + 8 <= acl.value.size(); at += 8) {
    uint32_t tag = read_le(acl.value, at, 2);
    const TagPair* pair =
        std::find_if(std::begin(kTags), std::end(kTags), [&](auto& t) { return t.kernel == tag; });
    if (pair == std::end(kTags)) continue;
    archive_entry_acl_add_entry(to, type, static_cast<int>(read_le(acl.value, at + 2, 2)), pair->archive,
                                static_cast<int>(read_le(acl.value, at + 4, 4)), nullptr);
  }
}

}  // namespace tsct::archive
