#pragma once
#include <sys/types.h>

#include "sys/unique_fd.h"

namespace tsct {

struct Pty {
  UniqueFd master, slave;
};

// A terminal in the container's own devpts, so that ttyname(3) works inside and nothing of the host's
// terminals gets in. Its slave belongs to `owner`. Called inside, as the container's root. Throws SysError.
Pty open_container_pty(uid_t owner);

// Makes the slave the controlling terminal of this process's new session and puts it on the standard streams;
// stderr only where asked for. Throws SysError.
void take_terminal(const Pty& pty, bool with_stderr);

}  // namespace tsct
