#pragma once
#include <sys/types.h>

namespace tsct::archive {

// Makes this process the container's root: its user and mount namespaces, its root directory, its ids, and of
// all capabilities only those that making files needs. From here on a path means what it means inside.
//
// `pid` is the container's init as the host sees it; `parent`, if not 0, is the supervisor that it must be a
// child of: checked through a pidfd, so that a number used again for another process is refused.
//
// Everything that libraries would load on demand is loaded before: nothing is ever loaded from inside.
void enter_container(pid_t pid, pid_t parent);

}  // namespace tsct::archive
