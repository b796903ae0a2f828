#pragma once
#include <sys/types.h>

#include <vector>

#include "setup/plan.h"
#include "sys/unique_fd.h"

namespace tsct {

// Runs fn with effective ids `uid` and `gid` and every capability kept (SECBIT_NO_SETUID_FIXUP), so that a
// user namespace cloned in it is owned by the container's base id: the kernel then counts inotify instances,
// keys and the like per container, and not for all containers of root together.
class ActAs {
 public:
  ActAs(uid_t uid, gid_t gid);
  ~ActAs();
  // In a clone that has left for its own user namespace: there is no way back to root's id there.
  void stay() { stay_ = true; }
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;

 private:
  bool stay_ = false;
};

// Writes uid_map and gid_map of a process just cloned with CLONE_NEWUSER (user_namespaces(7)).
void write_id_maps(pid_t pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

UniqueFd open_user_namespace(pid_t pid);

// A user namespace that exists only to be the map of a mount.
UniqueFd make_mapping_namespace(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids);

}  // namespace tsct
