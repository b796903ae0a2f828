#pragma once
// The run directory of a service that containers share (a network's, lxcfs'), which goes with its last user.
// The flock of its file `lock`: shared while a start comes to be a user, exclusive to make, mend or remove
// it.
#include <string>

#include "sys/unique_fd.h"

namespace tsct {

// Makes the directory. `how`: LOCK_SH or LOCK_EX; waits for it. Throws SysError.
UniqueFd lock_service_dir(const std::string& dir, int how);

// As lock_service_dir(), but makes nothing: empty when there is no such directory, or was one without a lock.
UniqueFd lock_service_dir_if_there(const std::string& dir, int how);

// Under the exclusive lock only. Throws SysError.
void remove_service_dir(const std::string& dir);

// flock(2) that no signal ends. Throws SysError.
void lock_file(int fd, int how, const std::string& path);

}  // namespace tsct
