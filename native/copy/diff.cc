// What differs between two stacks of trees, each as overlay with userxattr shows it. Only directories that
// are not the same inodes on both sides are read, and of those only the trees that the two do not have in
// common: the cost is that of what differs, not of the whole.
//
// For a delta (Telling::Delta) every difference that a copy would have counts, times and what is one file
// under several names too; the form is read by archive/changes.cc.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include "copy/attributes.h"
#include "copy/jobs.h"
#include "copy/listing.h"
#include "copy/source.h"
#include "copy/workers.h"
#include "sys/error.h"
#include "sys/error_line.h"

namespace tsct::copy {

namespace {

constexpr size_t kHalf = Workers::kBuffer / 2;

// The directories of a stack that make up one directory, highest first. None: there is no such directory.
using Merged = std::vector<UniqueFd>;

// What a stack shows under a name.
struct Shown {
  bool there = false;
  int in = -1;  // the directory, of a Merged, that it is taken from
  struct stat st {};
  Merged directories;
};

bool same_inode(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

using Inode = std::pair<dev_t, ino_t>;

Inode inode_of(const struct stat& st) {
  return {st.st_dev, st.st_ino};
}

bool is_opaque(int directory) {
  char value;
  return ::fgetxattr(directory, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// A file of a btrfs subvolume or thin volume and of a snapshot of it, untouched since: whoever changes a file
// sets its ctime, and whoever gets a number again a newer one (writes are held for longer than a tick of the
// clock while a snapshot is taken).
bool is_snapshot_of(const struct stat& a, const struct stat& b) {
  return a.st_dev != b.st_dev && a.st_ino == b.st_ino && same_time(a.st_ctim, b.st_ctim);
}

class Diff {
 public:
  explicit Diff(Telling telling)
      : exact_(telling == Telling::Delta),
        buffer_(std::make_unique<char[]>(2 * kHalf)),
        root_(std::make_shared<Place>()) {}

  void run(const Merged& a, const Merged& b) {
    Shown left = root(a), right = root(b);
    // A delta always has the root.
    if (!exact_ && !same_inode(left.st, right.st) && differs(left, ".", right)) tell("changed");
    compare(a, b);
    if (!exact_) return;
    complete_links(b);
    say('.', "");
  }

 private:
  Shown root(const Merged& stack) {
    Shown shown;
    shown.there = true;
    shown.in = stack.front().get();
    status(shown.in, ".", shown.st);
    return shown;
  }

  // False when the name is not there.
  bool status(int directory, const char* name, struct stat& st) {
    if (::fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0) return true;
    if (errno != ENOENT) fail("look at file", "fstatat", path_ + name);
    return false;
  }

  // A node 0:0, or since 6.7 an empty file with an attribute (overlayfs.rst, "Whiteouts and opaque
  // directories").
  bool is_whiteout(int directory, const char* name, const struct stat& st) {
    if (S_ISCHR(st.st_mode)) return st.st_rdev == 0;
    if (!S_ISREG(st.st_mode) || st.st_size != 0) return false;
    std::string path = "/proc/self/fd/" + std::to_string(directory) + '/' + name;
    return ::lgetxattr(path.c_str(), "user.overlay.whiteout", nullptr, 0) >= 0;
  }

  Shown find(const Merged& stack, const char* name) {
    Shown shown;
    for (const UniqueFd& layer : stack) {
      struct stat st;
      if (!status(layer.get(), name, st)) continue;
      if (is_whiteout(layer.get(), name, st)) break;
      if (shown.there && !S_ISDIR(st.st_mode)) break;
      if (!shown.there) {
        shown.there = true;
        shown.in = layer.get();
        shown.st = st;
        if (!S_ISDIR(st.st_mode)) break;
      }
      UniqueFd directory(::openat(layer.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!directory && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) break;  // changed meanwhile
      if (!directory) fail("open directory", "openat", path_ + name);
      bool opaque = is_opaque(directory.get());
      shown.directories.push_back(std::move(directory));
      if (opaque) break;
    }
    return shown;
  }

  // How many of the lowest directories the two have in common: of a name that is in those alone both show the
  // same.
  static size_t common(const Merged& a, const Merged& b) {
    size_t count = 0;
    for (; count < a.size() && count < b.size(); count++) {
      struct stat left, right;
      check(::fstat(a[a.size() - 1 - count].get(), &left), "look at directory", "fstat");
      check(::fstat(b[b.size() - 1 - count].get(), &right), "look at directory", "fstat");
      if (!same_inode(left, right)) break;
    }
    return count;
  }

  void compare(const Merged& a, const Merged& b) {
    const size_t shared = common(a, b);
    if (shared == a.size() && shared == b.size()) return;
    // Names, and with a slash what is in them: sorted as the paths are.
    std::set<std::string> due;
    for (const Merged* stack : {&a, &b}) {
      for (size_t i = 0; i + shared < stack->size(); i++) {
        Listing listing = list((*stack)[i].get(), {root_, path_.c_str()}, buffer_.get(), 2 * kHalf);
        for (size_t n = 0; n < listing.names.size(); n++) due.insert(listing.name(n));
      }
    }
    if (exact_) return compare_in_order(a, due, b);
    for (auto at = due.begin(); at != due.end(); at = due.erase(at)) {
      const bool inside = at->ends_with('/');
      const std::string name = inside ? at->substr(0, at->size() - 1) : *at;
      // Directories are looked up again for what is in them: all of them open at once would be too many.
      Shown left = find(a, name.c_str()), right = find(b, name.c_str());
      const size_t length = path_.size();
      path_ += *at;
      if (inside) {
        compare(left.directories, right.directories);
      } else {
        judge(left, name.c_str(), right);
        if (!left.directories.empty() || !right.directories.empty()) due.insert(name + '/');
      }
      path_.resize(length);
    }
  }

  // A directory, then at once what is in it; nothing of what is in one that is gone.
  void compare_in_order(const Merged& a, std::set<std::string>& due, const Merged& b) {
    for (auto at = due.begin(); at != due.end(); at = due.erase(at)) {
      Shown left = find(a, at->c_str()), right = find(b, at->c_str());
      const size_t length = path_.size();
      path_ += *at;
      judge(left, at->c_str(), right);
      path_ += '/';
      if (!right.directories.empty()) compare(left.directories, right.directories);
      path_.resize(length);
    }
  }

  void judge(const Shown& a, const char* name, const Shown& b) {
    if (completing_) return link(b);
    if (!a.there && !b.there) return;
    if (!a.there)
      tell("added");
    else if (!b.there)
      tell("deleted");
    else if (!same_inode(a.st, b.st) && (differs(a, name, b) || linked_otherwise(a.st, b.st)))
      tell("changed");
    else
      return;
    if (!exact_ || !b.there || S_ISDIR(b.st.st_mode) || b.st.st_nlink < 2) return;
    auto group = told_.try_emplace(inode_of(b.st)).first;
    group->second.insert(path_);
    if (group->second.size() == b.st.st_nlink) told_.erase(group);
  }

  // Two names that are one file on one side and two files, each with as many names, on the other.
  bool linked_otherwise(const struct stat& a, const struct stat& b) {
    if (!exact_ || S_ISDIR(b.st_mode) || b.st_nlink < 2) return false;
    return pairs_[0].try_emplace(inode_of(a), inode_of(b)).first->second != inode_of(b) ||
           pairs_[1].try_emplace(inode_of(b), inode_of(a)).first->second != inode_of(a);
  }

  // All names of a file are told, or none: the rest of them is looked for in the whole of the second stack.
  // There is one after a restore of what was there before a layer made two files of two names.
  void complete_links(const Merged& b) {
    if (told_.empty()) return;
    completing_ = true;
    compare({}, b);
  }

  void link(const Shown& b) {
    if (!b.there || S_ISDIR(b.st.st_mode) || b.st.st_nlink < 2) return;
    auto group = told_.find(inode_of(b.st));
    if (group != told_.end() && !group->second.contains(path_)) say('+', path_);
  }

  bool differs(const Shown& a, const char* name, const Shown& b) {
    if (exact_ && is_snapshot_of(a.st, b.st)) return false;
    if (exact_ && !same_time(a.st.st_mtim, b.st.st_mtim)) return true;
    if (exact_ && !S_ISDIR(a.st.st_mode) && a.st.st_nlink != b.st.st_nlink) return true;
    if (a.st.st_mode != b.st.st_mode || a.st.st_uid != b.st.st_uid || a.st.st_gid != b.st.st_gid) return true;
    if (S_ISLNK(a.st.st_mode)) return target(a.in, name) != target(b.in, name);
    if (S_ISREG(a.st.st_mode) && a.st.st_size != b.st.st_size) return true;
    if ((S_ISCHR(a.st.st_mode) || S_ISBLK(a.st.st_mode)) && a.st.st_rdev != b.st.st_rdev) return true;
    if (attributes_of(a.in, name) != attributes_of(b.in, name)) return true;
    if (!S_ISREG(a.st.st_mode)) return false;
    // Written to in the same nanosecond: the content is taken to be the same, as rsync does. Not when the
    // other side is to get what differs: builds that can be repeated give files of two versions the same
    // time.
    if (!exact_ && same_time(a.st.st_mtim, b.st.st_mtim)) return false;
    return content_differs(a.in, name, b.in);
  }

  std::string target(int directory, const char* name) {
    char text[PATH_MAX];
    ssize_t size = ::readlinkat(directory, name, text, sizeof text);
    return size < 0 ? std::string() : std::string(text, static_cast<size_t>(size));
  }

  bool content_differs(int a, const char* name, int b) {
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    UniqueFd left(::openat(a, name, kFlags)), right(::openat(b, name, kFlags));
    if (!left || !right) return true;  // it has changed meanwhile
    for (off_t at = 0;;) {
      size_t from_left = read_full(left.get(), at, buffer_.get()),
             from_right = read_full(right.get(), at, &buffer_[kHalf]);
      if (from_left != from_right || memcmp(buffer_.get(), &buffer_[kHalf], from_left) != 0) return true;
      if (from_left < kHalf) return false;
      at += static_cast<off_t>(from_left);
    }
  }

  size_t read_full(int fd, off_t at, char* into) {
    size_t done = 0;
    while (done < kHalf) {
      ssize_t n = ::pread(fd, into + done, kHalf - done, at + static_cast<off_t>(done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("read file", "pread", path_);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  void tell(const char* change) {
    if (exact_) return say(*change == 'd' ? '-' : '+', path_);
    printf("{\"path\":%s,\"change\":\"%s\"}\n", json_string('/' + path_).c_str(), change);
  }

  void say(char kind, const std::string& path) {
    putchar(kind);
    if (fwrite(path.c_str(), 1, path.size() + 1, stdout) != path.size() + 1)
      fail("print differences", "write", "stdout");
  }

  const bool exact_;
  bool completing_ = false;
  std::unique_ptr<char[]> buffer_;
  const PlacePtr root_;
  // Files of the second stack that some of their names, but not all, were told of.
  std::map<Inode, std::set<std::string>> told_;
  // Files of several names that are the same but for the inode: of the first stack to the second, and back.
  std::map<Inode, Inode> pairs_[2];
  std::string path_;  // of what is looked at; of a directory with a slash at the end
};

}  // namespace

void diff_trees(const std::vector<std::string>& a, const std::vector<std::string>& b, Telling telling) {
  auto open = [](const std::vector<std::string>& trees) {
    Merged stack;
    for (size_t i = trees.size(); i-- > 0;) {
      stack.push_back(open_source(trees[i]));
      if (is_opaque(stack.back().get())) break;
    }
    return stack;
  };
  Merged left = open(a), right = open(b);
  Diff(telling).run(left, right);
  if (fflush(stdout) != 0) fail("print differences", "write", "stdout");
}

}  // namespace tsct::copy
