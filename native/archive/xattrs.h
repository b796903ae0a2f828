#pragma once
#include <string_view>
#include <vector>

#include "archive/entry.h"
#include "archive/report.h"

struct archive_entry;

namespace tsct::archive {

constexpr std::string_view kAclAccess = "system.posix_acl_access";
constexpr std::string_view kAclDefault = "system.posix_acl_default";
constexpr std::string_view kCapability = "security.capability";

// Which extended attributes may enter a tree: `user.*`, file capabilities and POSIX ACLs.
// Not `trusted.*` (a container cannot even read it, but overlay on the host believes trusted.overlay.*), not
// user.overlay.* (overlay mounted with userxattr believes it: a redirect would lead into another layer), not
// host labels (security.selinux, security.ima, ...), which mean nothing under another policy.
bool allowed_xattr(std::string_view name);

// The attributes of an open file that pass the filter, sorted by name; the others are counted.
std::vector<Xattr> read_xattrs(int fd, const std::string& path, Report& report);

// Takes those that do not pass away; they are counted.
void remove_other_xattrs(int fd, const std::string& path, Report& report);

// Takes those that pass away.
void remove_xattrs(int fd, const std::string& path);

// Sets them on an open file. A file system that has no such attributes is counted, not an error.
void write_xattrs(int fd, const Entry& entry, Report& report);

// ACLs in the kernel's attribute form (linux/posix_acl_xattr.h) <-> libarchive's.
// Entries that name a user or group only by a name that has no number are counted as stripped.
void acl_from_archive(::archive_entry* from, Entry& to, Report& report);
void acl_to_archive(const Xattr& acl, ::archive_entry* to);

}  // namespace tsct::archive
