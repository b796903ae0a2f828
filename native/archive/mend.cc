// Notes are fields that end in a zero byte (names have none): a format number, then KIND PATH VALUE again and
// again.
//   hole PATH ""        a file with holes
//   link PATH TARGET    a symbolic link
//   same PATH FIRST     a second name of what FIRST is
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <cstring>

#include "archive/jobs.h"
#include "archive/tar_writer.h"
#include "archive/walk.h"
#include "archive/xattrs.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct::archive {

namespace {

constexpr std::string_view kFormat = "tsct-mend-1";
constexpr size_t kPage = 4096;
constexpr uint64_t kConfined = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

bool is_text(std::string_view bytes) {
  for (unsigned char c : bytes)
    if (c >= 0x80) return false;
  return true;
}

// A directory, and the times that it is to have again after a change in it.
class Parent {
 public:
  Parent(int tree_fd, const std::string& path) {
    size_t slash = path.rfind('/');
    std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
    leaf_ = slash == std::string::npos ? path : path.substr(slash + 1);
    fd_.reset(openat2(tree_fd, directory.c_str(), O_RDONLY | O_DIRECTORY, kConfined));
    if (fd_) check(::fstat(fd_.get(), &before_), "look at directory", "fstat", path);
  }
  ~Parent() {
    timespec times[2] = {before_.st_atim, before_.st_mtim};
    if (fd_) ::futimens(fd_.get(), times);
  }
  Parent(const Parent&) = delete;
  Parent& operator=(const Parent&) = delete;

  int fd() const { return fd_.get(); }
  const char* leaf() const { return leaf_.c_str(); }
  // False when it is not in the tree.
  bool look(struct stat& st) const {
    return fd_ && ::fstatat(fd_.get(), leaf(), &st, AT_SYMLINK_NOFOLLOW) == 0;
  }

 private:
  UniqueFd fd_;
  std::string leaf_;
  struct stat before_ {};
};

class Mender {
 public:
  explicit Mender(int tree_fd) : tree_fd_(tree_fd) {}

  void dig_holes(const std::string& path) {
    Parent parent(tree_fd_, path);
    struct stat st;
    if (!parent.look(st) || !S_ISREG(st.st_mode)) return;
    UniqueFd fd(check(::openat(parent.fd(), parent.leaf(), O_RDWR | O_NOFOLLOW | O_CLOEXEC), "open file",
                      "openat", path));
    static const char zeros[kPage] = {};
    off_t from = -1;  // of the run of zeros that `at` is in
    std::string buffer(256 << 10, '\0');
    for (off_t at = 0; at < st.st_size;) {
      ssize_t n = ::pread(fd.get(), buffer.data(), buffer.size(), at);
      if (n < 0 && errno == EINTR) continue;
      if (check(n, "read file", "pread", path) == 0) break;
      for (size_t done = 0; done < static_cast<size_t>(n); done += kPage) {
        size_t length = std::min(kPage, static_cast<size_t>(n) - done);
        bool zero = memcmp(buffer.data() + done, zeros, length) == 0;
        off_t here = at + static_cast<off_t>(done);
        if (zero && from < 0) from = here;
        if (!zero && from >= 0) punch(fd.get(), from, here, path), from = -1;
      }
      at += n;
    }
    if (from >= 0) punch(fd.get(), from, st.st_size, path);
    timespec times[2] = {st.st_atim, st.st_mtim};
    check(::futimens(fd.get(), times), "set times", "futimens", path);
  }

  void make_link(const std::string& path, const std::string& target) {
    Parent parent(tree_fd_, path);
    struct stat st;
    if (!parent.look(st) || !S_ISLNK(st.st_mode)) return;
    check(::unlinkat(parent.fd(), parent.leaf(), 0), "replace link", "unlinkat", path);
    check(::symlinkat(target.c_str(), parent.fd(), parent.leaf()), "replace link", "symlinkat", path);
    check(::fchownat(parent.fd(), parent.leaf(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW), "replace link",
          "fchownat", path);
    timespec times[2] = {st.st_atim, st.st_mtim};
    check(::utimensat(parent.fd(), parent.leaf(), times, AT_SYMLINK_NOFOLLOW), "replace link", "utimensat",
          path);
  }

  void make_same(const std::string& path, const std::string& first_path) {
    Parent parent(tree_fd_, path), first(tree_fd_, first_path);
    struct stat st, first_st;
    if (!parent.look(st) || !first.look(first_st) || !S_ISLNK(st.st_mode) || !S_ISLNK(first_st.st_mode))
      return;
    check(::unlinkat(parent.fd(), parent.leaf(), 0), "make hard link", "unlinkat", path);
    check(::linkat(first.fd(), first.leaf(), parent.fd(), parent.leaf(), 0), "make hard link", "linkat",
          path);
  }

 private:
  static void punch(int fd, off_t from, off_t to, const std::string& path) {
    int done = ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from);
    // A file system without holes keeps the zeros.
    if (done < 0 && errno != EOPNOTSUPP) fail("make hole", "fallocate", path);
  }

  const int tree_fd_;
};

}  // namespace

void survey(int tree_fd, int output_fd, Report& report) {
  std::string notes;
  auto flush = [&] {
    write_all(output_fd, notes.data(), notes.size());
    notes.clear();
  };
  auto note = [&](std::string_view kind, std::string_view path, std::string_view value) {
    for (std::string_view field : {kind, path, value}) notes.append(field).push_back('\0');
    if (notes.size() > 64 << 10) flush();
  };
  notes.append(kFormat).push_back('\0');
  walk(tree_fd, report, [&](const Found& found) {
    const Entry& e = found.entry;
    if (found.sparse && e.hardlink.empty()) note("hole", e.path, "");
    if (!e.is(S_IFLNK)) return;
    if (!e.hardlink.empty()) return note("same", e.path, e.hardlink);
    if (!is_text(e.target)) note("link", e.path, e.target);
  });
  flush();
}

void mend(int tree_fd, int notes_fd, Report& report) {
  const std::string notes = read_fd(notes_fd, "read notes", "stdin");
  size_t at = 0;
  auto field = [&] {
    size_t end = notes.find('\0', at);
    if (end == std::string::npos) refuse("read notes", "", "they end in the middle");
    std::string text = notes.substr(at, end - at);
    at = end + 1;
    return text;
  };
  if (std::string format = field(); format != kFormat)
    refuse("read notes", format, "their format is unknown");
  walk(tree_fd, report, [&](const Found& found) {
    report.count_entry(found.entry);
    report.count_bytes(static_cast<uint64_t>(found.entry.size));
    if (!found.entry.is(S_IFREG) && !found.entry.is(S_IFDIR)) return;
    UniqueFd fd = open_found(found);
    remove_other_xattrs(fd.get(), found.entry.path, report);
  });
  Mender mender(tree_fd);
  while (at < notes.size()) {
    std::string kind = field(), path = normalise(field()), value = field();
    if (kind == "hole")
      mender.dig_holes(path);
    else if (kind == "link")
      mender.make_link(path, value);
    else if (kind == "same")
      mender.make_same(path, normalise(value));
    else
      refuse("read notes", kind, "is unknown");
  }
}

}  // namespace tsct::archive
