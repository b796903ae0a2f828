#pragma once
#include <cstddef>
#include <string>

#include "sys/unique_fd.h"

namespace tsct {

// A file in memory whose content nobody can change any more, read from its start. Throws SysError.
UniqueFd sealed_memfd(const std::string& name, const void* data, size_t size);

}  // namespace tsct
