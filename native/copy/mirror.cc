#include "copy/mirror.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "copy/attributes.h"
#include "copy/faults.h"
#include "copy/listing.h"
#include "copy/remove.h"
#include "sys/error.h"

namespace tsct::copy {

namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
// A large directory is shared out among threads in pieces of so many names.
constexpr size_t kPiece = 64;
// How often something that changes its type under our eyes is looked at again.
constexpr int kTries = 8;
// Deeper down the copy's directories are opened with the source's, as opening one by its path takes that
// long.
constexpr unsigned kLazyDepth = 64;

int64_t nanoseconds(const timespec& t) {
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

bool vanished(int err) {
  return err == ENOENT || err == ESTALE;
}

}  // namespace

// A directory that is being worked on.
struct Mirror::Folder {
  PlacePtr place;
  unsigned depth = 0;
  UniqueFd from;
  UniqueFd to;  // see copy_of
  std::once_flag opened;
  Memory* memory = nullptr;
  std::unique_ptr<Memory> owned;
  struct stat st {};
  bool made = false;       // in this pass
  bool due = false;        // its own attributes are to be copied
  std::vector<Known> now;  // as in memory before, what the copy has after
  std::string text;        // their names
  std::atomic<unsigned> users = 1;
  std::atomic<bool> touched = false;  // names were made or removed in the copy: its times are to be set
  std::atomic<bool> lossy = false;    // a name could not be copied because it changed meanwhile

  const char* name(const Known& known) const { return text.data() + known.name; }
  Where where(const Known& known) const { return {place, name(known)}; }
  Where self() const { return {place, "."}; }
};

void Mirror::run(const Pass& pass) {
  pass_ = pass;
  links_.forget();
  summary_.entries = summary_.foreign_owners = summary_.skipped_sockets = summary_.changed = 0;
  auto root = std::make_shared<Folder>();
  root->place = root_;
  root->from.reset(check(::openat(from_.get(), ".", kOpenFolder), "open directory", "openat", "."));
  root->memory = &memory_;
  check(::fstat(root->from.get(), &root->st), "look at directory", "fstat", ".");
  workers_.add([this, root](char* buffer) { process(root, buffer); });
  workers_.wait();
}

bool Mirror::unsure(const struct stat& st) const {
  return nanoseconds(st.st_ctim) >= pass_.unsure_from_ns || nanoseconds(st.st_mtim) >= pass_.unsure_from_ns ||
         (pass_.files_unsure && S_ISREG(st.st_mode));
}

void Mirror::note(Known& known, const struct stat& st, uint8_t type) {
  known.inode = st.st_ino;
  known.changed_ns = nanoseconds(st.st_ctim);
  known.type = type;
  known.absent = false;
  known.unsure = unsure(st);
  known.linked = type != DT_DIR && st.st_nlink > 1;
}

// The directory in the copy. In most nothing changes after the first pass: there it is opened when it is
// needed.
int Mirror::copy_of(Folder& f) {
  std::call_once(f.opened, [&] {
    if (!f.to) f.to = open_place(to_.get(), f.place);
  });
  return f.to.get();
}

// Opens what is to be a directory on both sides, and lets its parent go.
void Mirror::enter(const FolderPtr& up, size_t index, char* buffer) {
  Known& known = up->now[index];
  Where where = up->where(known);
  UniqueFd from(::openat(up->from.get(), where.name, kOpenFolder));
  if (!from) {
    if (vanished(errno))
      lost(*up, known);
    else if (errno == ENOTDIR || errno == ELOOP)
      update(up, index, DT_UNKNOWN, buffer);
    else
      fail("open directory", "openat", where.path());
    return release(up);
  }
  if (!known.absent && known.type != DT_DIR) clear(*up, known);
  auto folder = std::make_shared<Folder>();
  if (known.absent) {
    if (::mkdirat(copy_of(*up), where.name, 0700) < 0) fail("make directory", "mkdirat", where.path());
    up->touched = folder->made = true;
    summary_.changed++;
    known.below = std::make_unique<Memory>();
  }
  folder->depth = up->depth + 1;
  if (folder->made || folder->depth > kLazyDepth) {
    folder->to.reset(::openat(copy_of(*up), where.name, kOpenFolder));
    if (!folder->to) fail("open copy", "openat", where.path());
    if (folder->made && !up->made) shed_inherited(folder->to.get(), where);
  }
  folder->from = std::move(from);
  folder->place = std::make_shared<Place>(up->place, where.name);
  folder->memory = known.below.get();
  // When nobody remembers, the parent may be gone before this one has compared.
  if (!pass_.remember) folder->owned = std::move(known.below);
  // Before the names in it are read: what comes after shows in the times.
  if (::fstat(folder->from.get(), &folder->st) < 0) fail("look at directory", "fstat", where.path());
  note(known, folder->st, DT_DIR);
  release(up);
  process(folder, buffer);
}

void Mirror::process(const FolderPtr& folder, char* buffer) {
  Folder& f = *folder;
  Memory& memory = *f.memory;
  f.due = f.made || memory.unsure || pass_.distrust || memory.inode != f.st.st_ino ||
          memory.changed_ns != nanoseconds(f.st.st_ctim);
  if (f.due) {
    merge(f, buffer);
  } else {
    f.now = std::move(memory.entries);
    f.text = std::move(memory.text);
  }
  summary_.count(f.st);
  size_t from = 0;
  for (; from + kPiece < f.now.size(); from += kPiece) {
    f.users++;
    workers_.add([this, folder, from](char* own) {
      entries(folder, from, from + kPiece, own);
      release(folder);
    });
  }
  entries(folder, from, f.now.size(), buffer);
  release(folder);
}

// Names that are in the source beside what the copy has; removes what is no longer there.
void Mirror::merge(Folder& f, char* buffer) {
  Listing listing = list(f.from.get(), f.self(), buffer, Workers::kBuffer);
  Memory& memory = *f.memory;
  f.text = std::move(listing.text);
  f.now.reserve(listing.names.size());
  size_t old = 0;
  auto old_name = [&] { return memory.text.data() + memory.entries[old].name; };
  auto remove_old = [&] {
    remove_at(copy_of(f), {f.place, old_name()});
    f.touched = true;
    summary_.changed++;
    old++;
  };
  for (const Listing::Name& name : listing.names) {
    const char* text = f.text.data() + name.at;
    int order = -1;
    while (old < memory.entries.size() && (order = strcmp(old_name(), text)) < 0) remove_old();
    if (old < memory.entries.size() && order == 0) {
      f.now.push_back(std::move(memory.entries[old++]));
    } else {
      Known& known = f.now.emplace_back();
      known.absent = true;
      known.type = name.type;
    }
    f.now.back().name = name.at;
  }
  while (old < memory.entries.size()) remove_old();
}

void Mirror::entries(const FolderPtr& folder, size_t from, size_t to, char* buffer) {
  for (size_t i = from; i < to; i++) entry(folder, i, buffer);
}

void Mirror::entry(const FolderPtr& folder, size_t index, char* buffer) {
  Folder& f = *folder;
  Known& known = f.now[index];
  // A directory is looked at when it is open.
  if (known.absent || known.type == DT_DIR) return update(folder, index, known.type, buffer);
  Where where = f.where(known);
  struct stat st;
  if (::fstatat(f.from.get(), where.name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (!vanished(errno)) fail("look at file", "fstatat", where.path());
    return lost(f, known);
  }
  const uint8_t type = IFTODT(st.st_mode);
  if (type != known.type || known.unsure || pass_.distrust || st.st_ino != known.inode ||
      nanoseconds(st.st_ctim) != known.changed_ns)
    return update(folder, index, type, buffer);
  summary_.count(st);
  if (known.linked && links_.keep(st, where, copy_of(f))) {
    f.touched = true;
    summary_.changed++;
  }
}

// Copies what has no copy or may have another one now.
void Mirror::update(const FolderPtr& folder, size_t index, uint8_t type, char* buffer) {
  Folder& f = *folder;
  Known& known = f.now[index];
  for (int i = 0; i < kTries; i++) {
    Made made = Made::Raced;
    if (type == DT_DIR) {
      f.users++;
      workers_.add([this, folder, index](char* own) { enter(folder, index, own); });
      return;
    }
    if (type == DT_REG) {
      made = make_file(f, known, buffer);
    } else {
      struct stat st;
      Where where = f.where(known);
      if (::fstatat(f.from.get(), where.name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (!vanished(errno)) fail("look at file", "fstatat", where.path());
        return lost(f, known);
      }
      type = IFTODT(st.st_mode);
      if (type == DT_REG || type == DT_DIR) continue;
      if (type == DT_SOCK) {
        // Nobody listens on a copy of it.
        clear(f, known);
        summary_.skipped_sockets++;
        return;
      }
      made = make_special(f, known, st);
    }
    if (made == Made::Yes) {
      summary_.changed++;
      fault("copy.half");
      return;
    }
    if (made == Made::Gone) break;
    type = DT_UNKNOWN;
  }
  lost(f, known);
}

void Mirror::lost(Folder& f, Known& known) {
  if (pass_.still) refuse("copy file", f.where(known).path(), "it changed while nothing should change it");
  clear(f, known);
  f.lossy = true;
}

void Mirror::clear(Folder& f, Known& known) {
  if (known.absent) return;
  remove_at(copy_of(f), f.where(known));
  known.below.reset();
  known.absent = true;
  f.touched = true;
}

Mirror::Made Mirror::make_file(Folder& f, Known& known, char* buffer) {
  Where where = f.where(known);
  UniqueFd from(
      ::openat(f.from.get(), where.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!from) {
    if (vanished(errno)) return Made::Gone;
    // A link, a socket, a device: no longer what it was.
    if (errno == ELOOP || errno == ENXIO || errno == EACCES || errno == EISDIR) return Made::Raced;
    fail("open file", "openat", where.path());
  }
  struct stat st;
  if (::fstat(from.get(), &st) < 0) fail("look at file", "fstat", where.path());
  if (!S_ISREG(st.st_mode)) return Made::Raced;
  summary_.count(st);
  const bool linked = st.st_nlink > 1;
  if (!known.absent && known.type == DT_REG && !known.linked && !linked && !Content::sparse(st)) {
    UniqueFd to(::openat(copy_of(f), where.name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!to) fail("open copy", "openat", where.path());
    content_.overwrite(from.get(), to.get(), st, where, buffer);
    copy_attributes(from.get(), to.get(), st, Before::Anything, 0, where);
    note(known, st, DT_REG);
    return Made::Yes;
  }
  // Set-id bits come last: nothing half made may be run with them.
  const mode_t mode = (st.st_mode & 07000) ? 0600 : st.st_mode & 0777;
  UniqueFd to;
  auto make = [&] {
    clear(f, known);
    to.reset(::openat(copy_of(f), where.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!to) fail("make file", "openat", where.path());
    return true;
  };
  if (linked)
    links_.join(
        st, where, copy_of(f), [&] { clear(f, known); }, make);
  else
    make();
  if (to) {
    content_.copy(from.get(), to.get(), st, where, buffer);
    // In a directory that has its attributes already, a new file gets group and ACL from it.
    copy_attributes(from.get(), to.get(), st, f.made ? Before::New : Before::Anything, mode, where);
  }
  f.touched = true;
  note(known, st, DT_REG);
  return Made::Yes;
}

Mirror::Made Mirror::make_special(Folder& f, Known& known, const struct stat& st) {
  summary_.count(st);
  Made made = Made::Yes;
  Where where = f.where(known);
  auto make = [&] {
    clear(f, known);
    if (S_ISLNK(st.st_mode)) {
      made = make_link(f, known);
      if (made != Made::Yes) return false;
    } else if (::mknodat(copy_of(f), where.name, st.st_mode, st.st_rdev) < 0) {
      fail("make node", "mknodat", where.path());
    }
    copy_attributes_at(f.from.get(), copy_of(f), st, f.made ? Before::New : Before::Anything, where);
    return true;
  };
  if (st.st_nlink > 1)
    links_.join(
        st, where, copy_of(f), [&] { clear(f, known); }, make);
  else
    make();
  if (made != Made::Yes) return made;
  f.touched = true;
  note(known, st, IFTODT(st.st_mode));
  return Made::Yes;
}

Mirror::Made Mirror::make_link(Folder& f, Known& known) {
  Where where = f.where(known);
  char target[PATH_MAX + 1];
  ssize_t size = ::readlinkat(f.from.get(), where.name, target, sizeof target - 1);
  if (size < 0 && vanished(errno)) return Made::Gone;
  if (size < 0 && errno == EINVAL) return Made::Raced;
  if (size < 0) fail("read link", "readlinkat", where.path());
  target[size] = '\0';
  if (::symlinkat(target, copy_of(f), where.name) < 0) fail("make symbolic link", "symlinkat", where.path());
  return Made::Yes;
}

// The last user finishes it: all names in it are made, so its times stay as they are set now.
void Mirror::release(const FolderPtr& folder) {
  Folder& f = *folder;
  if (--f.users > 0) return;
  if (f.due || f.touched)
    copy_attributes(f.from.get(), copy_of(f), f.st, f.made ? Before::New : Before::Anything, 0700, f.self());
  if (!pass_.remember) return;
  std::erase_if(f.now, [](const Known& known) { return known.absent; });
  f.memory->entries = std::move(f.now);
  f.memory->text = std::move(f.text);
  f.memory->inode = f.st.st_ino;
  f.memory->changed_ns = nanoseconds(f.st.st_ctim);
  f.memory->unsure = unsure(f.st) || f.lossy;
}

}  // namespace tsct::copy
