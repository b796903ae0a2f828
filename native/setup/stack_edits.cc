// File edits in the root of a stopped container without mounting it: mounting and unmounting an overlay cost
// some 20 ms each, mostly the kernel's RCU grace periods, and `create` and `clone` need three small files.
//
// The add-on does it for a clone, tsct-setup for everybody else.
//
// Runs with the host's ids, which are those on disk: trees are owned by 0-based ids. Nobody else writes to
// the trees meanwhile; what a guest left in them may still be hostile, so no link is followed: where one is
// in the way, and where an edit would need a whiteout, the root is mounted after all.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstring>
#include <optional>

#include "setup/tree.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kStep = "edit file in root";

// The same directory in every tree that contributes to it, topmost first.
struct Place {
  std::vector<UniqueFd> dirs;
  bool writable = false;  // dirs[0] is in the writable tree
};

// Overlay's own words in a tree, as overlayfs.rst has them for userxattr.
bool is_whiteout(const struct stat& st) {
  return S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

bool hides_below(int dir) {
  char value = 0;
  return ::fgetxattr(dir, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

// A directory that only lower trees have, made in the writable one as overlay would copy it up.
void copy_up(Place& child, int parent, const std::string& name) {
  struct stat st;
  check(::fstat(child.dirs[0].get(), &st), kStep, "fstat", name);
  check(::mkdirat(parent, name.c_str(), 0700), kStep, "mkdirat", name);
  UniqueFd made(check(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), kStep,
                      "openat", name));
  char names[4096], value[4096];
  ssize_t length = ::flistxattr(child.dirs[0].get(), names, sizeof names);
  for (ssize_t at = 0; at < length; at += static_cast<ssize_t>(strlen(names + at)) + 1) {
    const char* key = names + at;
    if (!strncmp(key, "user.overlay.", 13) || !strncmp(key, "trusted.", 8)) continue;
    ssize_t size = ::fgetxattr(child.dirs[0].get(), key, value, sizeof value);
    if (size >= 0)
      check(::fsetxattr(made.get(), key, value, static_cast<size_t>(size), 0), kStep, "fsetxattr", name);
  }
  check(::fchown(made.get(), st.st_uid, st.st_gid), kStep, "fchown", name);
  check(::fchmod(made.get(), st.st_mode & 07777), kStep, "fchmod", name);
  child.dirs.insert(child.dirs.begin(), std::move(made));
  child.writable = true;
}

// What a name is in the merged directory: 0 nothing, S_IFDIR a directory (then with its parts in `into`),
// else the type of the topmost.
mode_t look_up(const Place& in, const std::string& name, Place* into) {
  for (size_t i = 0; i < in.dirs.size(); i++) {
    struct stat st;
    if (::fstatat(in.dirs[i].get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue;
      fail(kStep, "fstatat", name);
    }
    if (is_whiteout(st)) break;
    const bool first = into == nullptr || into->dirs.empty();
    if (!S_ISDIR(st.st_mode)) {
      if (first) return st.st_mode & S_IFMT;
      break;
    }
    if (into == nullptr) return S_IFDIR;
    UniqueFd dir(
        check(::openat(in.dirs[i].get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
              kStep, "openat", name));
    into->writable |= i == 0 && in.writable;
    const bool last = hides_below(dir.get());
    into->dirs.push_back(std::move(dir));
    if (last) break;
  }
  return into != nullptr && !into->dirs.empty() ? S_IFDIR : 0;
}

// The parent of a file, made where `make` says so: nothing where it is not there, or is reached by a link.
std::optional<Place> parent_of(const std::string& path, const std::vector<std::string>& trees, bool make,
                               std::string& name) {
  Place at;
  at.writable = true;
  for (const auto& tree : trees)
    at.dirs.emplace_back(
        check(::open(tree.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), kStep, "open", tree));
  size_t from = path.find_first_not_of('/');
  for (size_t slash; (slash = path.find('/', from)) != std::string::npos; from = slash + 1) {
    name = path.substr(from, slash - from);
    Place child;
    if (name == ".." || look_up(at, name, &child) != S_IFDIR) return std::nullopt;
    if (make && !child.writable) copy_up(child, at.dirs[0].get(), name);
    at = std::move(child);
  }
  name = path.substr(from);
  return at;
}

bool carry_out(const FileEdit& edit, const std::vector<std::string>& trees) {
  std::string name;
  std::optional<Place> found = parent_of(edit.path, trees, false, name);
  mode_t type = found ? look_up(*found, name, nullptr) : 0;
  if (edit.when == FileEdit::When::kExists && found && type == 0) return true;
  if (!found || (type != 0 && type != S_IFREG)) return false;
  write_edit(edit, parent_of(edit.path, trees, true, name)->dirs[0].get(), name);
  return true;
}

}  // namespace

bool edit_trees(const std::vector<std::string>& trees, const std::vector<FileEdit>& edits) {
  for (const auto& edit : edits) {
    bool known = edit.op == FileEdit::Op::kWrite &&
                 (edit.when == FileEdit::When::kAlways || edit.when == FileEdit::When::kExists);
    if (!known || !carry_out(edit, trees)) return false;
  }
  return true;
}

}  // namespace tsct
