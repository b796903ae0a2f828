// Removes trees: many threads, depth first. What makes it safe in a tree that a guest made:
//   names are resolved from open directories only, links are never followed, mounts never entered
//   (openat2(2), RESOLVE_NO_XDEV) a tree may be nested deeper than files may be open: from kDepthMax on
//   directories are moved to its top first
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "copy/faults.h"
#include "copy/jobs.h"
#include "copy/listing.h"
#include "copy/place.h"
#include "copy/subvolume.h"
#include "copy/workers.h"
#include "sys/error.h"
#include "sys/syscalls.h"
#include "sys/unique_fd.h"

namespace tsct::copy {

namespace {

constexpr unsigned kDepthMax = 200;

class Removal {
 public:
  explicit Removal(Workers& workers) : workers_(workers) {}

  // What is not there is removed already.
  void start(const std::string& path) {
    Split at = split(path);
    auto parent = std::make_shared<Level>();
    parent->fd.reset(::open(at.parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent->fd && errno == ENOENT) return;
    check(parent->fd.get(), "open directory", "open", at.parent);
    parent->place = std::make_shared<Place>(nullptr, "");
    parent->path = at.parent;
    if (!unlink(*parent, at.name.c_str())) descend(parent, at.name);
  }

  uint64_t removed() const { return removed_; }
  uint64_t subvolumes() const { return subvolumes_; }

 private:
  // A directory that is being emptied.
  struct Level;
  using LevelPtr = std::shared_ptr<Level>;
  struct Level {
    LevelPtr up;  // none: the directory that holds the tree, which stays
    LevelPtr top;
    std::string name;  // in `up`
    std::string path;  // of the directory that stays
    PlacePtr place;
    UniqueFd fd;
    unsigned depth = 0;
    bool subvolume = false;
    std::atomic<unsigned> left = 1;  // itself, and directories in it
  };

  std::string path_of(const Level& level, const char* name) const {
    const Level* root = &level;
    while (root->up) root = root->up.get();
    return root->path + '/' + Where{level.place, name}.path();
  }

  void count() {
    removed_++;
    fault("remove.half");
  }

  // False for a directory.
  bool unlink(Level& level, const char* name) {
    if (::unlinkat(level.fd.get(), name, 0) == 0)
      count();
    else if (errno == EISDIR)
      return false;
    else if (errno != ENOENT)
      fail("remove file", "unlinkat", path_of(level, name));
    return true;
  }

  void descend(const LevelPtr& up, std::string name) {
    up->left++;
    workers_.add([this, up, name = std::move(name)](char* buffer) { empty(up, name, buffer); });
  }

  void empty(const LevelPtr& up, const std::string& name, char* buffer) {
    auto level = std::make_shared<Level>();
    level->fd.reset(openat2(up->fd.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                            RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS));
    if (!level->fd && errno == ENOENT) return release(up);
    // No directory any more: a link that took its place goes, not what it leads to.
    if (!level->fd && (errno == ELOOP || errno == ENOTDIR)) {
      unlink(*up, name.c_str());
      return release(up);
    }
    if (!level->fd && errno == EXDEV)
      refuse("remove directory", path_of(*up, name.c_str()), "something is mounted on it", EBUSY);
    if (!level->fd) fail("open directory", "openat2", path_of(*up, name.c_str()));
    level->subvolume = is_subvolume(level->fd.get());
    if (level->subvolume && destroy(*up, name)) return release(up);
    level->up = up;
    level->top = up->top ? up->top : level;
    level->name = name;
    level->place = std::make_shared<Place>(up->place, name);
    level->depth = up->depth + 1;
    Listing listing = list(level->fd.get(), {level->place, "."}, buffer, Workers::kBuffer);
    for (size_t i = 0; i < listing.names.size(); i++) {
      const char* one = listing.name(i);
      if (listing.names[i].type != DT_DIR && unlink(*level, one)) continue;
      if (level->depth < kDepthMax || !move_up(*level, one)) descend(level, one);
    }
    release(level);
  }

  // To the top of the tree, as a tree of its own. False when that is another subvolume.
  bool move_up(Level& level, const char* name) {
    for (;;) {
      std::string as = ".tsct-" + std::to_string(moved_++);
      if (::renameat2(level.fd.get(), name, level.top->fd.get(), as.c_str(), RENAME_NOREPLACE) == 0) {
        descend(level.top, as);
        return true;
      }
      if (errno == EXDEV) return false;
      if (errno != EEXIST) fail("move directory", "renameat2", path_of(level, name));
    }
  }

  bool destroy(Level& up, const std::string& name) {
    if (!destroy_subvolume(up.fd.get(), name.c_str(), path_of(up, name.c_str()))) return false;
    subvolumes_++;
    count();
    return true;
  }

  // The last to leave removes the directory, and has then left the one above.
  void release(LevelPtr level) {
    while (level && --level->left == 0 && level->up) {
      Level& up = *level->up;
      level->fd.reset();
      if (level->subvolume) {
        if (!destroy(up, level->name))
          refuse("remove subvolume", path_of(up, level->name.c_str()), "others came to be in it", ENOTEMPTY);
      } else if (::unlinkat(up.fd.get(), level->name.c_str(), AT_REMOVEDIR) == 0) {
        count();
      } else if (errno != ENOENT) {
        fail("remove directory", "unlinkat", path_of(up, level->name.c_str()));
      }
      level = level->up;
    }
  }

  Workers& workers_;
  std::atomic<uint64_t> removed_ = 0, subvolumes_ = 0, moved_ = 0;
};

}  // namespace

void remove_trees(const std::vector<std::string>& paths) {
  Workers workers(worker_count());
  Removal removal(workers);
  for (const std::string& path : paths) removal.start(path);
  workers.wait();
  printf("{\"format\":1,\"removed\":%llu,\"subvolumes\":%llu}\n",
         static_cast<unsigned long long>(removal.removed()),
         static_cast<unsigned long long>(removal.subvolumes()));
}

}  // namespace tsct::copy
