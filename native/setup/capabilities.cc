#include "setup/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <iterator>

#include "sys/error.h"

namespace tsct {

namespace {

constexpr const char* kStep = "set capabilities";

// By number: linux/capability.h up to Linux 5.9, which added the last one.
constexpr std::string_view kNames[] = {"CAP_CHOWN",
                                       "CAP_DAC_OVERRIDE",
                                       "CAP_DAC_READ_SEARCH",
                                       "CAP_FOWNER",
                                       "CAP_FSETID",
                                       "CAP_KILL",
                                       "CAP_SETGID",
                                       "CAP_SETUID",
                                       "CAP_SETPCAP",
                                       "CAP_LINUX_IMMUTABLE",
                                       "CAP_NET_BIND_SERVICE",
                                       "CAP_NET_BROADCAST",
                                       "CAP_NET_ADMIN",
                                       "CAP_NET_RAW",
                                       "CAP_IPC_LOCK",
                                       "CAP_IPC_OWNER",
                                       "CAP_SYS_MODULE",
                                       "CAP_SYS_RAWIO",
                                       "CAP_SYS_CHROOT",
                                       "CAP_SYS_PTRACE",
                                       "CAP_SYS_PACCT",
                                       "CAP_SYS_ADMIN",
                                       "CAP_SYS_BOOT",
                                       "CAP_SYS_NICE",
                                       "CAP_SYS_RESOURCE",
                                       "CAP_SYS_TIME",
                                       "CAP_SYS_TTY_CONFIG",
                                       "CAP_MKNOD",
                                       "CAP_LEASE",
                                       "CAP_AUDIT_WRITE",
                                       "CAP_AUDIT_CONTROL",
                                       "CAP_SETFCAP",
                                       "CAP_MAC_OVERRIDE",
                                       "CAP_MAC_ADMIN",
                                       "CAP_SYSLOG",
                                       "CAP_WAKE_ALARM",
                                       "CAP_BLOCK_SUSPEND",
                                       "CAP_AUDIT_READ",
                                       "CAP_PERFMON",
                                       "CAP_BPF",
                                       "CAP_CHECKPOINT_RESTORE"};
static_assert(std::size(kNames) == CAP_LAST_CAP + 1);

constexpr uint64_t bit(int capability) {
  return 1ull << capability;
}

// capget(2), capset(2), version 3: 64 bits in two halves. libcap would bring no more than this.
struct Sets {
  uint64_t effective = 0, permitted = 0, inheritable = 0;
};

Sets get_sets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  check(::syscall(SYS_capget, &header, data), kStep, "capget");
  auto join = [](uint32_t low, uint32_t high) { return low | (uint64_t{high} << 32); };
  return {join(data[0].effective, data[1].effective), join(data[0].permitted, data[1].permitted),
          join(data[0].inheritable, data[1].inheritable)};
}

void set_sets(const Sets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  for (int half = 0; half < 2; half++) {
    data[half] = {static_cast<uint32_t>(sets.effective >> (32 * half)),
                  static_cast<uint32_t>(sets.permitted >> (32 * half)),
                  static_cast<uint32_t>(sets.inheritable >> (32 * half))};
  }
  check(::syscall(SYS_capset, &header, data), kStep, "capset");
}

}  // namespace

int capability_number(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); i++) {
    if (kNames[i] == name) return static_cast<int>(i);
  }
  refuse("decode plan", name, "no such capability", EINVAL);
}

uint64_t known_capabilities() {
  // The kernel refuses to tell about one that it does not know; no need of a /proc here.
  uint64_t known = 0;
  for (int cap = 0; cap < 64 && ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) known |= bit(cap);
  return known;
}

void apply_capabilities(const Capabilities& plan) {
  if (plan.effective != plan.permitted || plan.permitted != (plan.bounding | plan.inheritable)) {
    refuse(kStep, "process.capabilities",
           "for root, permitted and effective are bounding and inheritable together", EINVAL);
  }
  if (plan.ambient & ~(plan.permitted & plan.inheritable)) {
    refuse(kStep, "process.capabilities.ambient", "must be permitted and inheritable", EINVAL);
  }
  const uint64_t known = known_capabilities();
  const Sets held = get_sets();

  // 1. Bounding set, while CAP_SETPCAP is still effective. prctl takes one at a time; what is out stays out.
  for (int cap = 0; cap < 64 && (known & bit(cap)); cap++) {
    if (plan.bounding & bit(cap)) continue;
    if (::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) {
      check(::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), kStep, "prctl(PR_CAPBSET_DROP)", kNames[cap]);
    }
  }
  // 2. Whatever was ambient came from the caller.
  check(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), kStep, "prctl(PR_CAP_AMBIENT_CLEAR_ALL)");
  // 3. The three sets. Inheritable may only grow inside the bounding set, hence after step 1.
  const uint64_t permitted = (plan.permitted | bit(CAP_SYS_ADMIN)) & held.permitted;
  set_sets({permitted, permitted, plan.inheritable & permitted});
  // 4. Ambient last: only what is permitted and inheritable can become ambient.
  for (int cap = 0; cap < 64; cap++) {
    if (plan.ambient & permitted & bit(cap)) {
      check(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0), kStep, "prctl(PR_CAP_AMBIENT_RAISE)",
            kNames[cap]);
    }
  }
}

}  // namespace tsct
