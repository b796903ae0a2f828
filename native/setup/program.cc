#include "setup/program.h"

#include <limits.h>
#include <unistd.h>

#include "sys/error.h"

namespace tsct {

std::string program_path(const char* name, const char* step) {
  char self[PATH_MAX];
  ssize_t n = check(::readlink("/proc/self/exe", self, sizeof self), step, "readlink", "/proc/self/exe");
  std::string path(self, static_cast<size_t>(n));
  return path.substr(0, path.rfind('/') + 1) + name;
}

}  // namespace tsct
