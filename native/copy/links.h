#pragma once
#include <sys/stat.h>

#include <functional>
#include <mutex>
#include <unordered_map>

#include "copy/place.h"

namespace tsct::copy {

// Files of several names: which name of the copy stands for an inode of the source, in this pass. One lock
// around looking and making, so that no two threads make the same file; such files are few.
class Links {
 public:
  explicit Links(int to_root) : to_root_(to_root) {}

  void forget() { leaders_.clear(); }

  // A name that the copy has to get. If the inode has one, `room` makes place for a link to it, which is then
  // made, and the answer is true. Else `make` makes the object and says whether it did: from then on others
  // link to it.
  bool join(const struct stat& st, const Where& where, int to_directory, const std::function<void()>& room,
            const std::function<bool()>& make);

  // A name that the copy has and that did not change. A directory that was renamed brings names of files that
  // look unchanged themselves: when another name of the inode was made anew in this pass, this one is linked
  // to that, and the answer is true.
  bool keep(const struct stat& st, const Where& where, int to_directory);

 private:
  struct Inode {
    dev_t device;
    ino_t number;
    bool operator==(const Inode&) const = default;
  };
  struct Hash {
    size_t operator()(const Inode& inode) const { return inode.number * 0x9e3779b97f4a7c15 ^ inode.device; }
  };
  struct Leader {
    PlacePtr folder;
    std::string name;
    bool made;  // in this pass
  };

  void link(const Leader& leader, const Where& where, int to_directory);

  const int to_root_;
  std::mutex mutex_;
  std::unordered_map<Inode, Leader, Hash> leaders_;
};

}  // namespace tsct::copy
