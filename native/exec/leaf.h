#pragma once
#include <sys/types.h>

#include <string>

#include "sys/unique_fd.h"

namespace tsct {

// The cgroup v2 directory that a command enters. On v2 a guest's systemd owns `payload`, enables controllers
// below it, and from then on no process may be put into `payload` itself (EBUSY, "no internal processes",
// cgroups(7)): so a leaf below it, inside the guest's cgroup namespace, limited, frozen and killed with it.
class CgroupLeaf {
 public:
  // `path` is made when the first process enters.
  CgroupLeaf(std::string path, uid_t owner) : path_(std::move(path)), owner_(owner) {}
  ~CgroupLeaf() { remove_if_empty(); }
  CgroupLeaf(const CgroupLeaf&) = delete;

  // Forks (clone3, CLONE_INTO_CGROUP) into the leaf; returns 0 in the child. Throws SysError.
  pid_t fork_into();

 private:
  void make();
  void remove_if_empty();

  std::string path_;
  std::string used_;  // path_ or path_-N
  uid_t owner_;
};

// True when the kernel says that the group, or one above it, is frozen.
bool cgroup_is_frozen(const std::string& path);

}  // namespace tsct
