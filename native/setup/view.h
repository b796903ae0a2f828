#pragma once
// What a guest sees of CPUs and memory: its own share, by files of lxcfs over those of the kernel. One lxcfs
// serves all containers of a state root; its keeper (keeper/view.cc) says when it dies and is back.
#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace tsct {

struct LaunchPlan;
struct CgroupPlan;

struct ViewPlan {
  std::string run_dir;
  std::string mount_point;           // of lxcfs, in its keeper's mount namespace
  std::vector<std::string> service;  // the program and its arguments
  std::vector<std::string> files;    // the same path in lxcfs and in the guest
};

struct ViewFile {
  std::string path;
  UniqueFd mount;  // detached
};

// A start's part.
class View {
 public:
  // Becomes a user of lxcfs, which is started for the first one. In the host's mount namespace. Throws
  // SysError.
  explicit View(const LaunchPlan& plan);

  // Its files, once it serves them; empty where it does not within two seconds, or is not on this host.
  std::vector<ViewFile> files() const;

  // For the supervisor to hear on; -1 where there is no lxcfs.
  int connection() const { return connection_.get(); }

 private:
  const ViewPlan* plan_ = nullptr;
  UniqueFd connection_, mounts_;
  char state_ = 0;
};

// What lxcfs serves now; empty: nothing. The caller's mount namespace is the same afterwards.
std::vector<ViewFile> view_files(const ViewPlan& plan);

// Another connection to its keeper, which is started where it does not run. Throws SysError.
UniqueFd join_view(const LaunchPlan& plan);

// Puts them over the kernel's. What is not there in the guest's tree needs none.
void cover_with_view(const std::vector<ViewFile>& files, int root_fd);

// One of them, or another mount in its place. Throws SysError.
void attach_view(int mount, int target, const std::string& path);

// In a running guest: what has become of lxcfs meanwhile. `connection` is the supervisor's, -1 when that
// broke: it gets another. Throws SysError.
void renew_view(const LaunchPlan& plan, int connection);

// The last user ends it. The supervisor has let go of its connection. Throws SysError.
void leave_view(const LaunchPlan& plan);

}  // namespace tsct
