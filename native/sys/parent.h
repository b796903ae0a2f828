#pragma once

namespace tsct {

// With its caller dies the work: it would go on without the locks that the caller held, and nobody would take
// its result. Survives execve(2) of programs that change no ids.
void die_with_parent();

}  // namespace tsct
