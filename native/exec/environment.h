#pragma once
#include <string>
#include <vector>

#include "exec/user.h"

namespace tsct {

// A fresh environment: nothing of the host's gets in but TERM. `extra` (K=V) comes last and wins.
std::vector<std::string> make_environment(const User& user, const std::string& container, bool has_tty,
                                          const std::vector<std::string>& extra);

// Replaces environ(7) of this process by these.
void use_environment(const std::vector<std::string>& environment);

}  // namespace tsct
