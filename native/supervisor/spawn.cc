// tsct-setup, for whatever has to be done on the host.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

namespace tsct {

constexpr off_t kLogBytesMax = 64 * 1024;

pid_t spawn_setup(Supervisor& s, const char* verb, int passed, int log) {
  Path program;
  program.add(s.program_dir).add("/tsct-setup");
  pid_t self = getpid();
  pid_t pid = vfork();
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGKILL);   // a setup without its supervisor must not go on
    if (getppid() != self) _exit(127);  // it was killed before
    if (passed >= 0 && dup2(passed, kSetupSocketFd) < 0) _exit(127);
    if (log >= 0 && dup2(log, 2) < 0) _exit(127);
    lseek(0, 0, SEEK_SET);
    execl(program.c_str(), "tsct-setup", verb, static_cast<char*>(nullptr));
    _exit(127);
  }
  return pid;
}

int open_log(const Supervisor& s) {
  int fd = openat(s.run_dir, "supervisor.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat st;
  if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > kLogBytesMax && ftruncate(fd, 0) < 0) {
    // then it grows
  }
  return fd;
}

void log_line(const Supervisor& s, const char* what) {
  Line line;
  line.number(now_ms(CLOCK_REALTIME)).add(' ').add(what).add('\n');
  int log = open_log(s);
  if (write(log, line.c_str(), line.size()) < 0) { /* nobody will know */
  }
  if (log >= 0) close(log);
}

}  // namespace tsct
