#pragma once
#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "exec/user.h"

namespace tsct {

// The steps by which a process that has entered comes to have no more than the container's PID 1 gives its
// children. In this order; each throws SysError.

// Ids 0 of the container, right after setns(2): until then the ids are the host's, which the container does
// not map, and every file made would belong to nobody. All capabilities stay, in the container's user
// namespace only.
void become_container_root();

// A session keyring of its own: the host caller's, with the keys of its login, must not come along.
void join_new_keyring();

// Bounding set as PID 1's, nothing inheritable, nothing ambient.
void limit_capabilities(uint64_t bounding_set);

// The user's ids. Everybody but uid 0 keeps just CAP_SYS_ADMIN in the container's user namespace, which
// load_seccomp() needs when no_new_privs is off; drop_capabilities() takes it afterwards.
void become_user(const User& user);

// Before exec, for everybody but uid 0: a file that the user may not execute must not be executed for him.
void drop_capabilities(const User& user);

// The guest's root can neither trace this process nor read its memory or fds (ptrace(2), prctl(2)): a change
// of ids may have undone it, as fs.suid_dumpable says. exec ends it.
void hide_from_guest();

void set_no_new_privs();

}  // namespace tsct
