/* launch-timed SUPERVISOR PLAN: starts a supervisor as the command line does (fd 0 the plan as a sealed memfd, fd 1 the
 * report) and prints the time just before, in ns since the epoch, then the report. No Node in what is measured. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  int file = open(argv[2], O_RDONLY | O_CLOEXEC);
  int plan = memfd_create("tsct-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  struct stat st;
  if (file < 0 || plan < 0 || fstat(file, &st) || sendfile(plan, file, NULL, st.st_size) != st.st_size) return 3;
  if (fcntl(plan, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) return 3;
  if (lseek(plan, 0, SEEK_SET)) return 3;
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  int report[2];
  if (pipe2(report, O_CLOEXEC)) return 3;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  pid_t pid = vfork();
  if (pid == 0) {
    setsid();
    dup2(plan, 0);
    dup2(report[1], 1);
    dup2(nowhere, 2); /* it outlives us: our reader would wait for it */
    char* const args[] = {argv[1], NULL};
    char* const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    execve(argv[1], args, env);
    _exit(127);
  }
  close(report[1]);
  printf("%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
  fflush(stdout);
  char line[4096];
  ssize_t got;
  while ((got = read(report[0], line, sizeof line)) > 0)
    if (write(1, line, got) != got) return 4;
  return 0;
}
