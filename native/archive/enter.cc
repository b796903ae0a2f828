// Where the process is, step by step:
//   1 host: pidfd of init, its parent checked, the pidfd found alive once more after that
//   2 setns(USER|NEWNS): the container's, root and working directory become its root; ids still the host's 0,
//     which the container has no name for
//   3 setgroups, setresgid, setresuid to its 0: every file made from here on belongs to its root
//   4 all capabilities but those for files dropped (bounding set too), no_new_privs
// It never enters the pid namespace: nobody inside can see, trace or signal it.
#include "archive/enter.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cwchar>
#include <string>

#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"
#include "sys/unique_fd.h"

namespace tsct::archive {

namespace {

constexpr uint64_t bit(int capability) {
  return 1ull << capability;
}
constexpr uint64_t kKept = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_DAC_READ_SEARCH) |
                           bit(CAP_FOWNER) | bit(CAP_FSETID) | bit(CAP_SETFCAP) | bit(CAP_MKNOD);

pid_t parent_of(pid_t pid) {
  std::string path = "/proc/" + std::to_string(pid) + "/status";
  std::string text = read_file(AT_FDCWD, path, "look at the container's init");
  size_t at = text.find("\nPPid:");
  return at == std::string::npos ? 0 : static_cast<pid_t>(atol(text.c_str() + at + 6));
}

void keep_file_capabilities() {
  for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
    if (!(kKept & bit(capability))) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (int i = 0; i < 2; i++) {
    data[i].effective = data[i].permitted = static_cast<uint32_t>(kKept >> (32 * i));
    data[i].inheritable = 0;
  }
  check(::syscall(SYS_capset, &header, data), "drop capabilities", "capset");
  check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "drop privileges", "prctl");
}

}  // namespace

void enter_container(pid_t pid, pid_t parent) {
  const std::string target = std::to_string(pid);
  UniqueFd pidfd(check(pidfd_open(pid), "find the container's init", "pidfd_open", target));
  if (parent != 0 && parent_of(pid) != parent)
    refuse("find the container's init", target, "it is no child of the container's supervisor", ESRCH);
  check(pidfd_send_signal(pidfd.get(), 0), "find the container's init", "pidfd_send_signal", target);

  // The first conversion makes libc read its table of character sets, from what is then `/`: do it while that
  // is still the host's. In C.UTF-8 libarchive converts by itself and never calls iconv.
  wchar_t wide;
  std::mbstate_t state{};
  std::mbrtowc(&wide, "\xc3\xa9", 2, &state);

  // Both at once: the mount namespace may only be entered by an owner of the user namespace (setns(2),
  // since 5.8 with a pidfd).
  check(::setns(pidfd.get(), CLONE_NEWUSER | CLONE_NEWNS), "enter the container", "setns", target);
  check(::setgroups(0, nullptr), "become the container's root", "setgroups");
  check(::setresgid(0, 0, 0), "become the container's root", "setresgid");
  check(::setresuid(0, 0, 0), "become the container's root", "setresuid");
  keep_file_capabilities();
}

}  // namespace tsct::archive
