#pragma once
#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace tsct {

// What a command must share with the container's PID 1 beyond its namespaces: read before entering, as the
// container's own /proc must not be believed.
struct PidOneTraits {
  uint64_t bounding_set = 0;
  bool no_new_privs = false;
  std::string oom_score_adj;
  unsigned long personality = 0;
  std::array<rlimit, RLIM_NLIMITS> limits{};
};

// The container to enter, as its supervisor describes it.
struct Target {
  UniqueFd pidfd;  // of PID 1
  pid_t pid = 0;
  std::string leaf;             // v2 cgroup for what enters, made on demand
  uid_t id_base = 0;            // host id of the container's root
  std::vector<std::string> v1;  // v1 groups, hybrid hosts only
  std::vector<sock_filter> seccomp;
  bool share = false;     // it is to see its share of CPUs and memory
  std::string container;  // value of $container
  PidOneTraits traits;
};

// Asks the supervisor and reads /proc. Throws Failure when the container is not running or frozen, SysError.
Target find_target(const std::string& socket);

}  // namespace tsct
