#pragma once
// How the probe tries things: each attempt is a child of its own, so that a namespace, a filter or a dropped
// id it takes on ends with it, and a kernel that answers with a signal or not at all is a finding too.
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace tsct {

struct Finding {
  std::string name;
  std::optional<SysError> error;  // none: it works
};

// Runs a function in a child process with its own mount namespace, all propagation cut, for at most ten
// seconds. The function throws SysError when the kernel cannot do it.
Finding attempt(const std::string& name, const std::function<void()>& function);

// A child process that is killed and reaped at the end of its scope.
class Child {
 public:
  // clone3(2) with these CLONE_* flags; the child runs the function and exits with 0, or with 1 after
  // reporting what it threw. cgroup_fd: CLONE_INTO_CGROUP, since 5.7.
  Child(uint64_t flags, const std::function<void()>& function, int cgroup_fd = -1);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  // Its wait status (waitpid(2)).
  int wait();

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

// First id of the range that user namespaces of the probe are mapped to, and how many.
constexpr unsigned kProbeBase = 1878982656;
constexpr unsigned kProbeSize = 65536;

// Writes both id maps of a process in a new user namespace: 0.. → kProbeBase...
void write_id_maps(pid_t pid);

// A user namespace with those maps that no process lives in.
UniqueFd make_user_namespace();

// Turns a child that ended with anything but 0 into a failure of this step.
void expect_success(int wait_status, std::string_view step);

}  // namespace tsct
