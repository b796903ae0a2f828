#pragma once
#include <memory>
#include <string>
#include <vector>

#include "archive/entry.h"
#include "archive/report.h"
#include "sys/unique_fd.h"

namespace tsct::archive {

// Makes a tree below one directory. Every name is resolved by openat2(2) with RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS from that directory: a link that an earlier entry made is never walked through, so no
// order of entries can write outside. An entry replaces what an earlier one made under the same name.
class TreeWriter {
 public:
  // Who the tree is for: the host's own tree must not get set-id bits, capabilities or nodes of a guest.
  enum class Privileges { Keep, Drop };
  // What is there before: nothing but what earlier entries made, or a tree that is changed by a delta. There
  // directories give way with all that is in them, a whiteout removes, and what is not told of an object is
  // not so any more.
  enum class Existing { Ours, Change };

  TreeWriter(int root_fd, Report& report, Privileges privileges, Existing existing = Existing::Ours)
      : root_fd_(root_fd), report_(report), privileges_(privileges), changes_(existing == Existing::Change) {}

  // Directory in which `path` is made, and its last component. Parents that are missing are made, 0755 root.
  struct Place {
    std::shared_ptr<UniqueFd> directory;
    std::string leaf;
  };
  Place place(const std::string& path);

  // A new empty file, mode 0600 until finish_file. Safe to call from several threads.
  UniqueFd create_file(const Place& place, const std::string& path);
  // After the last byte: owner, mode, attributes, times. Safe to call from several threads.
  void finish_file(int fd, const Entry& entry);

  // Whatever is no regular file with content of its own.
  void make(const Entry& entry);

  // Attributes of directories wait for this: a default ACL, a read-only mode or a time set earlier would
  // be in the way of, or changed by, what is made inside.
  void finish();

 private:
  void make_directory(const Entry& entry);
  void keep_directory(const Entry& entry);
  void make_symlink(const Entry& entry);
  void make_hardlink(const Entry& entry);
  void make_node(const Entry& entry);
  void set_attributes(int fd, const Entry& entry);
  UniqueFd open_directory(const std::string& path, int flags);
  // Removes what has the name already. False when it is a directory and `keep_directory` is set.
  bool make_room(const Place& place, const std::string& path, bool keep_directory);

  const int root_fd_;
  Report& report_;
  const Privileges privileges_;
  const bool changes_;
  std::string cached_path_;
  std::shared_ptr<UniqueFd> cached_;
  std::vector<Entry> directories_;
};

}  // namespace tsct::archive
