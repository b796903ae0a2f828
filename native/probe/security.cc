#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cstddef>

#include "probe/attempt.h"
#include "probe/probes.h"
#include "sys/syscalls.h"

namespace tsct {

void probe_seccomp() {
  // getppid(2) is refused with ENOSYS, all else allowed.
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{sizeof code / sizeof code[0], code};
  check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "load a seccomp filter", "prctl(PR_SET_NO_NEW_PRIVS)");
  check(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "load a seccomp filter", "seccomp");
  if (::syscall(SYS_getppid) != -1 || errno != ENOSYS)
    refuse("load a seccomp filter", "", "the filter did not stop a call");
}

void probe_openat2() {
  UniqueFd root(check(::open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC), "open a directory", "open",
                      "/proc/self"));
  // `..` at the root stays there, so this is /proc/self/status.
  UniqueFd fd(check(openat2(root.get(), "../../status", O_RDONLY, RESOLVE_IN_ROOT),
                    "open a path inside a root", "openat2", "../../status"));
}

void probe_sealed_memfd() {
  UniqueFd fd(
      check(::memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING), "make a sealed file", "memfd_create"));
  check(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), "make a sealed file",
        "fcntl(F_ADD_SEALS)");
}

}  // namespace tsct
