#include "exec/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/error.h"

namespace tsct {

namespace {

constexpr const char* kStep = "limit capabilities";
constexpr int kCapabilitiesMax = 64;

struct CapabilityState {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};

  CapabilityState() { check(syscall(SYS_capget, &header, data), kStep, "capget"); }
  void keep(uint64_t set) {
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
      data[i].permitted = data[i].effective = static_cast<uint32_t>(set >> (32 * i)) & data[i].permitted;
  }
  void apply() { check(syscall(SYS_capset, &header, data), kStep, "capset"); }
};

}  // namespace

void become_container_root() {
  const char* step = "become the container's root";
  gid_t root = 0;
  check(setgroups(1, &root), step, "setgroups");
  check(setresgid(0, 0, 0), step, "setresgid");
  check(setresuid(0, 0, 0), step, "setresuid");
  hide_from_guest();
}

void join_new_keyring() {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS)
    fail("join a new session keyring", "keyctl");
}

void limit_capabilities(uint64_t bounding_set) {
  for (int capability = 0; capability < kCapabilitiesMax; capability++) {
    if (bounding_set & (uint64_t{1} << capability)) continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // beyond the last one that this kernel has
    fail(kStep, "prctl", "PR_CAPBSET_DROP");
  }
  check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), kStep, "prctl", "PR_CAP_AMBIENT");
  CapabilityState state;
  for (auto& word : state.data) word.inheritable = 0;
  state.apply();
}

void become_user(const User& user) {
  std::string step = "become user";
  check(setgroups(user.groups.size(), user.groups.data()), step, "setgroups", user.name);
  check(setresgid(user.gid, user.gid, user.gid), step, "setresgid", user.name);
  check(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), step, "prctl", "PR_SET_KEEPCAPS");
  check(setresuid(user.uid, user.uid, user.uid), step, "setresuid", user.name);
  hide_from_guest();
  if (user.uid == 0) return;
  CapabilityState state;
  state.keep(uint64_t{1} << CAP_SYS_ADMIN);
  state.apply();
}

void drop_capabilities(const User& user) {
  if (user.uid == 0) return;
  CapabilityState state;
  state.keep(0);
  state.apply();
}

void hide_from_guest() {
  check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "hide from the guest", "prctl");
}

void set_no_new_privs() {
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs", "prctl");
}

}  // namespace tsct
