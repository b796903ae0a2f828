#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "setup/plan.h"

namespace tsct {

// "CAP_SYS_ADMIN" → 21. Every name of linux/capability.h; throws SysError for another.
int capability_number(std::string_view name);

// The bits that the running kernel knows (PR_CAPBSET_READ).
uint64_t known_capabilities();

// Gives the calling process the plan's sets: for one that is root in its new user namespace, where it holds
// everything, shortly before load_seccomp() and exec. What the kernel does not know or the caller does not
// hold is left out. CAP_SYS_ADMIN stays effective, whatever the plan says, until exec: load_seccomp() needs
// it.
//
// Exec as root takes permitted and effective from the bounding and inheritable sets (capabilities(7),
// "Capabilities and execution of programs by root"), so a plan in which they differ from those cannot be
// carried out: refused. Throws SysError.
void apply_capabilities(const Capabilities& plan);

}  // namespace tsct
