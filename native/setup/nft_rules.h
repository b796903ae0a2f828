#pragma once
// Rules of ours in chains of others, known by their comment whatever has become of the chain.
#include <string>

namespace tsct {

// Deletes every rule of tables ip and ip6 with this comment, in the caller's network namespace. Throws
// SysError.
void delete_rules_called(const std::string& comment);

}  // namespace tsct
