// tsct-setup, for whatever has to be done on the host.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

namespace tsct {

pid_t spawn_setup(Supervisor& s, const char* verb, int passed, int log) {
  Path program;
  program.add(s.program_dir).add("/tsct-setup");
  pid_t pid = vfork();
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a setup without its supervisor must not go on
    if (passed >= 0 && dup2(passed, kSetupSocketFd) < 0) _exit(127);
    if (log >= 0 && dup2(log, 2) < 0) _exit(127);
    lseek(0, 0, SEEK_SET);
    execl(program.c_str(), "tsct-setup", verb, static_cast<char*>(nullptr));
    _exit(127);
  }
  return pid;
}

}  // namespace tsct
