#include "setup/keyring.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/error.h"

namespace tsct {

void join_new_session_keyring() {
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS) {
    fail("make session keyring", "keyctl(KEYCTL_JOIN_SESSION_KEYRING)");
  }
}

}  // namespace tsct
