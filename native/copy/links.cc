#include "copy/links.h"

#include <linux/limits.h>
#include <unistd.h>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace tsct::copy {

void Links::link(const Leader& leader, const Where& where, int to_directory) {
  std::string path = Where{leader.folder, leader.name.c_str()}.path();
  int made;
  if (path.size() < PATH_MAX) {
    made = ::linkat(to_root_, path.c_str(), to_directory, where.name, 0);
  } else {
    UniqueFd folder = open_place(to_root_, leader.folder);
    made = ::linkat(folder.get(), leader.name.c_str(), to_directory, where.name, 0);
  }
  if (made < 0) fail("make hard link", "linkat", where.path());
}

bool Links::join(const struct stat& st, const Where& where, int to_directory,
                 const std::function<void()>& room, const std::function<bool()>& make) {
  std::lock_guard lock(mutex_);
  auto found = leaders_.find({st.st_dev, st.st_ino});
  if (found != leaders_.end()) {
    room();
    link(found->second, where, to_directory);
    return true;
  }
  if (make()) leaders_.insert({{st.st_dev, st.st_ino}, {where.folder, where.name, true}});
  return false;
}

bool Links::keep(const struct stat& st, const Where& where, int to_directory) {
  std::lock_guard lock(mutex_);
  auto [found, fresh] = leaders_.try_emplace({st.st_dev, st.st_ino}, Leader{where.folder, where.name, false});
  if (fresh || !found->second.made) return false;
  if (::unlinkat(to_directory, where.name, 0) < 0) fail("replace file", "unlinkat", where.path());
  link(found->second, where, to_directory);
  return true;
}

}  // namespace tsct::copy
