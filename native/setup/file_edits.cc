// Small files that tsct puts into a root: resolv.conf, localtime, hostname, machine-id.
#include <sys/stat.h>

#include "setup/tree.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "edit file in root";
constexpr const char* kTemp = ".tsct-new";

bool wanted(const FileEdit& e, int parent, const std::string& name, int root_fd) {
  struct stat st;
  bool there = ::fstatat(parent, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
  switch (e.when) {
    case FileEdit::When::kAlways:
      return true;
    case FileEdit::When::kExists:
      return there;
    case FileEdit::When::kMissing:
      return !there;
    case FileEdit::When::kPlain:
      return !there || S_ISREG(st.st_mode);
    case FileEdit::When::kTarget: {
      std::string target = e.target[0] == '/' ? e.target : e.path.substr(0, e.path.rfind('/') + 1) + e.target;
      while (!target.empty() && target[0] == '/') target.erase(0, 1);
      UniqueFd fd(openat2(root_fd, target.c_str(), O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
      return static_cast<bool>(fd);
    }
  }
  return false;
}

// Nothing is written where nothing would change: a root that is full starts, and an upper layer stays empty.
bool is_written(const FileEdit& e, int parent, const std::string& name) {
  UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 07777) != e.mode ||
      static_cast<size_t>(st.st_size) != e.content.size())
    return false;
  return read_fd(fd.get(), kStep, e.path) == e.content;
}

bool is_linked(const FileEdit& e, int parent, const std::string& name) {
  std::string target(e.target.size() + 1, '\0');
  ssize_t size = ::readlinkat(parent, name.c_str(), target.data(), target.size());
  return size >= 0 && target.compare(0, static_cast<size_t>(size), e.target) == 0;
}

// Written beside and renamed over: a link at the name is replaced and never followed.
void replace(int parent, const std::string& name, const std::string& path) {
  check(::renameat(parent, kTemp, parent, name.c_str()), kStep, "renameat", path);
}

}  // namespace

void write_edit(const FileEdit& e, int parent, const std::string& name) {
  ::unlinkat(parent, kTemp, 0);  // of a process that was killed
  UniqueFd fd(check(::openat(parent, kTemp, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600),
                    kStep, "openat", e.path));
  for (size_t at = 0; at < e.content.size();)
    at += static_cast<size_t>(
        check(::write(fd.get(), e.content.data() + at, e.content.size() - at), kStep, "write", e.path));
  check(::fchmod(fd.get(), e.mode), kStep, "fchmod", e.path);
  replace(parent, name, e.path);
}

void apply_file_edits(const std::vector<FileEdit>& edits, int root_fd) {
  for (const auto& e : edits) {
    std::string name;
    if (e.op == FileEdit::Op::kRemove || e.when == FileEdit::When::kExists) {
      size_t slash = e.path.rfind('/');  // nothing is made for something that is only to go
      std::string dir = e.path.substr(0, slash + 1);
      while (!dir.empty() && dir[0] == '/') dir.erase(0, 1);
      UniqueFd there(
          openat2(root_fd, dir.empty() ? "." : dir.c_str(), O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT));
      if (!there) continue;
    }
    UniqueFd parent = open_parent_in_root(root_fd, e.path, name, kStep);
    if (!wanted(e, parent.get(), name, root_fd)) continue;
    switch (e.op) {
      case FileEdit::Op::kWrite:
        if (!is_written(e, parent.get(), name)) write_edit(e, parent.get(), name);
        break;
      case FileEdit::Op::kSymlink:
        if (is_linked(e, parent.get(), name)) break;
        ::unlinkat(parent.get(), kTemp, 0);
        check(::symlinkat(e.target.c_str(), parent.get(), kTemp), kStep, "symlinkat", e.path);
        replace(parent.get(), name, e.path);
        break;
      case FileEdit::Op::kRemove:
        if (::unlinkat(parent.get(), name.c_str(), 0) < 0 && errno != ENOENT) fail(kStep, "unlinkat", e.path);
    }
  }
}

}  // namespace tsct
