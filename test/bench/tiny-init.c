/* The smallest PID 1: writes down when it ran, then waits to be told to stop. Static, /sbin/init of the guest `tiny`.
 * Ends on every signal by which a container manager asks an init to power off. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  struct timespec now;
  char line[64];
  clock_gettime(CLOCK_REALTIME, &now);
  int length = snprintf(line, sizeof line, "%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
  int fd = open("/stamp.tmp", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || write(fd, line, length) != length || close(fd) || rename("/stamp.tmp", "/stamp")) return 2;
  const int stop[] = {SIGTERM, SIGINT, SIGPWR, SIGHUP, SIGUSR2, SIGRTMIN + 3, SIGRTMIN + 4, SIGRTMIN + 5};
  sigset_t set;
  sigemptyset(&set);
  for (unsigned i = 0; i < sizeof stop / sizeof *stop; i++) sigaddset(&set, stop[i]);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int got;
  sigwait(&set, &got);
  return 0;
}
