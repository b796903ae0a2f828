#include "sys/parent.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tsct {
namespace {

// What Node calls a pipe is a pair of sockets; of a process that dies the descriptors go before its children
// are told.
bool is_abandoned(int fd) {
  struct stat st;
  pollfd hung_up{fd, 0, 0};
  return ::fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && ::poll(&hung_up, 1, 0) == 1 &&
         (hung_up.revents & (POLLHUP | POLLERR));
}

}  // namespace

// prctl(2) tells of a death that is still to come. After one that has been, getppid(2) is another's, but
// nobody knows whose it was.
void die_with_parent() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (is_abandoned(STDERR_FILENO)) ::raise(SIGKILL);
}

}  // namespace tsct
