#pragma once
#include <cstdint>
#include <string>

#include "sys/unique_fd.h"

namespace tsct {

// Project of a file or directory (FS_IOC_FSGETXATTR, since 4.5); 0: none, or the file system knows no
// projects.
uint32_t project_of(int fd);

// Makes `path` and all below it belong to a project, so that what is made there later does, too. The
// directory itself comes last: one that belongs to the project already has been gone through. Throws
// SysError.
void assign_project(const std::string& path, uint32_t project);

}  // namespace tsct
