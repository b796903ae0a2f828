#include "addon/sealed_memfd.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "sys/error.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace tsct {

UniqueFd sealed_memfd(const std::string& name, const void* data, size_t size) {
  constexpr const char* kStep = "make a sealed file";
  // A host with vm.memfd_noexec=2 refuses every memfd that may be executed; kernels before 6.3 do not know
  // the flag (memfd_create(2)).
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL) fd.reset(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  check(fd.get(), kStep, "memfd_create", name);
  const char* at = static_cast<const char*>(data);
  for (size_t left = size; left > 0;) {
    ssize_t n = ::write(fd.get(), at, left);
    if (n < 0 && errno == EINTR) continue;
    check(n, kStep, "write", name);
    at += n;
    left -= static_cast<size_t>(n);
  }
  check(::lseek(fd.get(), 0, SEEK_SET), kStep, "lseek", name);
  check(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), kStep,
        "fcntl(F_ADD_SEALS)", name);
  return fd;
}

}  // namespace tsct
