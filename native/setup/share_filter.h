#pragma once
// What tells a program of the whole host's CPUs and memory, and is no file that lxcfs could serve: the calls
// stop until the supervisor has answered them (supervisor/share.cc). A filter of its own, beside that of the
// plan: of two, the stricter word counts, so what the plan refuses stays refused.
#include "sys/unique_fd.h"

namespace tsct {

// Puts the calling thread under it. Returns the listener, for the supervisor: once nobody has that open, the
// calls fail with ENOSYS. Empty: there is one above us already, of which the kernel allows no second
// (seccomp_unotify(2)), and calls go on as they would. Needs what load_seccomp() does. Throws SysError.
UniqueFd load_share_filter();

}  // namespace tsct
