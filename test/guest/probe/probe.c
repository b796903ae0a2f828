// What a hostile root of a container tries, by system call, so that a test sees the very errno. Static: it
// also runs as the init of a root file system that holds nothing else.
//
//   probe mounts PATH...     every way to undo a mount; one line a path
//   probe nested PATH...     the same from a user namespace of its own
//   probe masks              fresh copies of proc, sysfs and cgroups, binds that would uncover a mask
//   probe calls              system calls and sockets; `NAME ERRNO`
//   probe open PATH...       `PATH ERRNO`, or the first bytes
//   probe mknod DIR...       device nodes in each
//   probe notify             floods /run/host/notify, with a descriptor that blocks who closes it
//   probe init               as PID 1: says what it was given, then waits
//   probe hush               as PID 1: lets go of its console
//   probe stubborn           as PID 1: does not want to die with the supervisor
//   probe sigwait            as PID 1: exits on SIGPWR, which it waits for without a handler
//   probe inotify COUNT      as PID 1: as many inotify instances, then waits
//   probe deep COUNT         a chain of cgroups below its own, with long names
//   probe share              sched_getaffinity(2) and sysinfo(2), asked wrongly too; `NAME RESULT`
//   probe ask SECONDS        asks for CPUs without a pause; how often it was answered
//   probe hang               has the answer written when its memory cannot be looked at: behind a FUSE file
//   that nobody delivers probe listen CMD...      on the host: runs CMD under a filter that has a listener,
//   as in another's guest probe send LINK HEX...   Ethernet frames as they are probe hear LINK HEX      says
//   `up`, then every frame that comes in, until one has HEX in it probe owner NAMESPACE    on the host: uid
//   of the owner of a user namespace probe keyring CMD...     on the host: runs CMD in a session keyring
//   named tsct-canary
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/if_packet.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int mount(const char*, const char*, const char*, unsigned long, const void*);
int umount2(const char*, int);

enum {
  kRemount = 32,
  kNoSuid = 2,
  kBind = 4096,
  kMove = 8192,
  kRecursive = 16384,
  kPrivate = 1 << 18,
  kDetach = 2
};

static const char* name_of(long result) {
  return result < 0 ? strerrorname_np(errno) : "OK";
}

// Runs one attempt in a copy of the mount namespace: what should succeed, wrongly, spoils nothing else.
static void in_copy(const char* label, long (*attempt)(const char*), const char* path) {
  fflush(stdout);
  if (fork() == 0) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, kRecursive | kPrivate, NULL) < 0) {
      printf(" %s=setup:%s", label, strerrorname_np(errno));
    } else {
      printf(" %s=%s", label, name_of(attempt(path)));
    }
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
}

static long try_umount(const char* path) {
  return umount2(path, 0);
}
static long try_detach(const char* path) {
  return umount2(path, kDetach);
}
static long try_remount(const char* path) {
  return mount(NULL, path, NULL, kRemount | kBind, NULL);
}
static long try_superblock(const char* path) {
  return mount(NULL, path, NULL, kRemount, NULL);
}
static long try_move(const char* path) {
  mkdir("/tmp/to", 0755);
  close(open("/tmp/to-file", O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  struct stat st;
  if (stat(path, &st) < 0) return -1;
  return mount(path, S_ISDIR(st.st_mode) ? "/tmp/to" : "/tmp/to-file", NULL, kMove, NULL);
}
static long clear(const char* path, uint64_t bits) {
  struct mount_attr attr = {.attr_clr = bits};
  return syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attr, sizeof attr);
}
static long try_writable(const char* path) {
  return clear(path, MOUNT_ATTR_RDONLY);
}
static long try_devices(const char* path) {
  return clear(path, MOUNT_ATTR_NODEV);
}

static void mounts(char** paths) {
  for (; *paths; paths++) {
    printf("%s", *paths);
    in_copy("umount", try_umount, *paths);
    in_copy("detach", try_detach, *paths);
    in_copy("remount", try_remount, *paths);
    in_copy("superblock", try_superblock, *paths);
    in_copy("writable", try_writable, *paths);
    in_copy("devices", try_devices, *paths);
    in_copy("move", try_move, *paths);
    printf("\n");
  }
}

static long fresh(const char* type) {
  mkdir("/tmp/fresh", 0755);
  return mount(type, "/tmp/fresh", type, 0, NULL);
}
static long bind_alone(const char* path) {
  mkdir("/tmp/fresh", 0755);
  return mount(path, "/tmp/fresh", NULL, kBind, NULL);
}
static long tree_alone(const char* path) {
  return syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE);
}
// A copy of all of /proc, masks included: are the masks of the copy still fast?
static long uncover_copy(const char* masked) {
  mkdir("/tmp/fresh", 0755);
  if (mount("/proc", "/tmp/fresh", NULL, kBind | kRecursive, NULL) < 0) return -1;
  char path[256];
  snprintf(path, sizeof path, "/tmp/fresh/%s", masked);
  return umount2(path, kDetach);
}
static long write_v1(const char* file) {
  mkdir("/tmp/fresh", 0755);
  if (mount("none", "/tmp/fresh", "cgroup", 0, "memory") < 0) return -1;
  char path[256];
  snprintf(path, sizeof path, "/tmp/fresh/%s", file);
  if (file[strlen(file) - 1] == '/') return mkdir(path, 0755);
  return open(path, O_WRONLY);
}
static long new_hierarchy(const char* options) {
  mkdir("/tmp/fresh", 0755);
  return mount("none", "/tmp/fresh", "cgroup", 0, options);
}

static void masks(void) {
  for (const char** type =
           (const char*[]){"proc", "sysfs", "devtmpfs", "ext4", "securityfs", "debugfs", "tracefs", NULL};
       *type; type++)
    in_copy(*type, fresh, *type);
  in_copy("bind-proc", bind_alone, "/proc");
  in_copy("bind-root", bind_alone, "/");
  in_copy("bind-sys", bind_alone, "/sys");
  in_copy("tree-proc", tree_alone, "/proc");
  in_copy("copy-keys", uncover_copy, "keys");
  in_copy("copy-sys", uncover_copy, "sys");
  in_copy("v1-limit", write_v1, "memory.limit_in_bytes");
  in_copy("v1-tasks", write_v1, "tasks");
  in_copy("v1-notify", write_v1, "notify_on_release");
  in_copy("v1-agent", write_v1, "release_agent");
  in_copy("v1-child", write_v1, "child/");
  in_copy("v1-new", new_hierarchy, "none,name=tsct-probe");
  in_copy("v1-new-agent", new_hierarchy, "none,name=tsct-probe,release_agent=/x");
  printf("\n");
}

#define CALL(name, number, ...) printf("%s %s\n", name, name_of(syscall(number, __VA_ARGS__)))

#ifdef __x86_64__
static long call_i386(long number) {
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(number), "b"(-1L), "c"(0L), "d"(0L), "S"(0L), "D"(0L)
                   : "memory", "r8", "r9", "r10", "r11");
  result = (int)result;
  if (result < 0) errno = (int)-result;
  return result;
}
#endif

static void calls(void) {
  CALL("unknown", 9999, 0);
  CALL("bpf", SYS_bpf, 9999, 0, 0);
  CALL("kexec_load", SYS_kexec_load, 0, 0, 0, -1L);
  CALL("open_by_handle_at", SYS_open_by_handle_at, -1, 0, 0);
  CALL("perf_event_open", SYS_perf_event_open, 0, 0, 0, -1, 0);
  CALL("quotactl", SYS_quotactl, -1, "", 0, 0);
  CALL("swapon", SYS_swapon, "/nothing", 0);
  CALL("init_module", SYS_init_module, 0, 0, "");
  CALL("pidfd_getfd", SYS_pidfd_getfd, -1, 0, 0);
  CALL("mlock", SYS_mlock, 0, 0);
  CALL("syslog", SYS_syslog, 10, 0, 0);
  CALL("acct", SYS_acct, 0);
  CALL("pkey_alloc", SYS_pkey_alloc, -1L, -1L);
  CALL("clock_settime", SYS_clock_settime, -1L, 0);
  CALL("getpid", SYS_getpid, 0);
  CALL("io_uring_setup", SYS_io_uring_setup, 0, 0);
  CALL("userfaultfd", SYS_userfaultfd, -1L);
#ifdef __x86_64__
  printf("i386:perf_event_open %s\n", name_of(call_i386(336)));
  printf("i386:mlock %s\n", name_of(call_i386(150)));
  printf("i386:unknown %s\n", name_of(call_i386(9999)));
  printf("i386:getpid %s\n", name_of(call_i386(20)));
#endif
  printf("netlink:audit %s\n", name_of(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)));
  printf("netlink:route %s\n", name_of(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)));
  printf("unix %s\n", name_of(socket(AF_UNIX, SOCK_STREAM, 0)));
}

static void open_each(char** paths) {
  for (; *paths; paths++) {
    int fd = open(*paths, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    char text[32] = "";
    if (fd >= 0 && read(fd, text, 16) < 0) strcpy(text, strerrorname_np(errno));
    // What /dev/urandom gives may hold the end of a line.
    for (char* c = text; *c; c++)
      if (!isprint((unsigned char)*c)) *c = '?';
    printf("%s %s\n", *paths, fd < 0 ? strerrorname_np(errno) : *text ? text : "OK");
  }
}

static void try_node(const char* dir, mode_t type, unsigned major, unsigned minor) {
  char path[512];
  snprintf(path, sizeof path, "%s/tsct-node", dir);
  printf("%s %c %u:%u %s\n", dir, type == S_IFBLK ? 'b' : 'c', major, minor,
         name_of(mknod(path, type | 0666, makedev(major, minor))));
  unlink(path);
}

static void nodes(char** dirs) {
  for (; *dirs; dirs++) {
    try_node(*dirs, S_IFBLK, 7, 0);
    try_node(*dirs, S_IFCHR, 1, 1);
    try_node(*dirs, S_IFCHR, 1, 3);
    try_node(*dirs, S_IFCHR, 1, 11);
  }
}

static void fatal(const char* what) {
  printf("%s: %s\n", what, strerrorname_np(errno));
  exit(1);
}

// A connection that still has something to send, and that close(2) waits an hour for (socket(7), SO_LINGER).
static int blocking_socket(int* listener) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  *listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(*listener, (void*)&at, size) < 0 || listen(*listener, 1) < 0) fatal("listen");
  getsockname(*listener, (void*)&at, &size);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct linger linger = {1, 3600};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  connect(fd, (void*)&at, size);
  static char zeros[1 << 16];
  int quiet = 0;
  while (quiet < 3) {  // until both buffers are full for good
    if (write(fd, zeros, sizeof zeros) > 0) {
      quiet = 0;
    } else {
      quiet++;
      usleep(20000);
    }
  }
  return fd;
}

static void notify(void) {
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), listener;
  struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/run/host/notify"};
  if (connect(fd, (void*)&to, sizeof to) < 0) fatal("connect");
  int passed = blocking_socket(&listener);
  char text[] = "STATUS=\x1b[31m\"\xff\x01";
  struct iovec iov = {text, sizeof text - 1};
  char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
  struct msghdr msg = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* head = CMSG_FIRSTHDR(&msg);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &passed, sizeof passed);
  int passing = (int)sendmsg(fd, &msg, 0);
  printf("descriptor %s\n", name_of(passing));
  fflush(stdout);
  // Ours was the last but the one in the socket. Were it the very last, this process would be the one to
  // block.
  if (passing > 0) close(passed);
  int sent = 0;
  for (int i = 0; i < 20000; i++) sent += send(fd, text, sizeof text - 1, 0) > 0;
  printf("sent %s\n", sent > 0 ? "OK" : "none");
  fflush(stdout);
  fclose(stdout);
  sleep(20);
}

static void wait_forever(void) {
  fflush(stdout);
  for (;;) pause();
}

static void be_init(void) {
  char text[256] = "";
  long id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  if (id < 0 || syscall(SYS_keyctl, KEYCTL_DESCRIBE, id, text, sizeof text) < 0)
    snprintf(text, sizeof text, "%s", strerrorname_np(errno));
  printf("keyring %s\n", text);
  printf("session %d group %d\n", getsid(0) == getpid(), getpgrp() == getpid());
  int tty = open("/dev/tty", O_RDWR);
  printf("tty %s\n", name_of(tty));
  if (tty >= 0) close(tty);
  int death = -1;
  prctl(PR_GET_PDEATHSIG, &death);
  printf("pdeathsig %d\n", death);
  printf("ready\n");
  wait_forever();
}

static void many_inotify(int count) {
  int made = 0;
  while (made < count && inotify_init1(IN_CLOEXEC) >= 0) made++;
  printf("inotify %d %s\n", made, made == count ? "OK" : strerrorname_np(errno));
  wait_forever();
}

static void wait_for_power(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPWR);
  sigprocmask(SIG_BLOCK, &set, NULL);
  exit(sigwaitinfo(&set, NULL) == SIGPWR ? 7 : 1);
}

static void deep(int count) {
  char line[4096], path[4200];
  FILE* own = fopen("/proc/self/cgroup", "r");
  while (own && fgets(line, sizeof line, own))
    if (!strncmp(line, "0::", 3)) break;
  line[strcspn(line, "\n")] = 0;
  snprintf(path, sizeof path, "/sys/fs/cgroup%s", line + 3);
  if (chdir("/sys/fs/cgroup") < 0) fatal(path);
  char name[201];
  memset(name, 'x', 200);
  name[200] = 0;
  int made = 0;
  while (made < count && mkdir(name, 0755) == 0 && chdir(name) == 0) made++;
  printf("deep %d %s\n", made, made == count ? "OK" : strerrorname_np(errno));
}

static unsigned long cpus[1024];

// How many CPUs, and how many bytes the kernel, or who answers for it, says that it has written.
static void asked(const char* name, long bytes) {
  int count = 0;
  for (long i = 0; i < bytes / (long)sizeof cpus[0]; i++) count += __builtin_popcountl(cpus[i]);
  if (bytes < 0)
    printf("%s %s\n", name, strerrorname_np(errno));
  else
    printf("%s %d\n", name, count);
}

static long ask_cpus(pid_t pid, unsigned size, void* to) {
  memset(cpus, 0xff, sizeof cpus);
  return syscall(SYS_sched_getaffinity, pid, size, to);
}

static void* ask_in_thread(void* main_thread) {
  asked("thread", ask_cpus(0, sizeof cpus, cpus));
  asked("thread-own", ask_cpus(gettid(), sizeof cpus, cpus));
  asked("thread-other", ask_cpus(*(pid_t*)main_thread, sizeof cpus, cpus));
  return NULL;
}

static long listener(void) {
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog filter = {1, &allow};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
}

static void share(void) {
  pid_t own = gettid();
  long size = ask_cpus(0, sizeof cpus, cpus);
  asked("cpus", size);
  printf("bytes %ld\n", size);
  asked("exact", ask_cpus(0, size, cpus));
  asked("own", ask_cpus(own, sizeof cpus, cpus));
  asked("other", ask_cpus(1, sizeof cpus, cpus));
  asked("nobody", ask_cpus(0x3fffff, sizeof cpus, cpus));
  asked("none", ask_cpus(0, 0, cpus));
  asked("odd", ask_cpus(0, 1029, cpus));
  asked("null", ask_cpus(0, sizeof cpus, NULL));
  asked("kernel", ask_cpus(0, sizeof cpus, (void*)(1UL << 63)));
  pthread_t thread;
  pthread_create(&thread, NULL, ask_in_thread, &own);
  pthread_join(thread, NULL);
  struct sysinfo info;
  printf("sysinfo %s\n", name_of(syscall(SYS_sysinfo, &info)));
  printf("total %lu\nunit %u\nuptime %ld\ntasks %d\n", info.totalram / 1024, info.mem_unit, info.uptime,
         info.procs);
  printf("sysinfo-null %s\n", name_of(syscall(SYS_sysinfo, NULL)));
  printf("listener %s\n", name_of(listener()));
}

static void ask(int seconds) {
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  int times = 0;
  do {
    if (ask_cpus(0, sizeof cpus, cpus) < 0) fatal("sched_getaffinity");
    times++;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec - start.tv_sec < seconds);
  printf("%d\n", times);
}

static void deliver(int fuse, uint64_t request, int error, const void* data, size_t size) {
  struct fuse_out_header head = {.len = sizeof head + size, .error = error, .unique = request};
  struct iovec parts[2] = {{&head, sizeof head}, {(void*)data, size}};
  if (writev(fuse, parts, 2) < 0) fatal("writev");
}

// A directory with one file in it, of which reading does not end.
static void serve_fuse(int fuse) {
  static char request[1 << 20];
  for (;;) {
    if (read(fuse, request, sizeof request) < 0) _exit(0);
    const struct fuse_in_header* in = (void*)request;
    struct fuse_attr attr = {.ino = 2, .size = 4096, .mode = S_IFREG | 0666, .nlink = 1};
    if (in->opcode == FUSE_INIT) {
      struct fuse_init_out out = {
          .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096};
      deliver(fuse, in->unique, 0, &out, sizeof out);
    } else if (in->opcode == FUSE_LOOKUP) {
      struct fuse_entry_out out = {.nodeid = 2, .attr = attr};
      deliver(fuse, in->unique, 0, &out, sizeof out);
    } else if (in->opcode == FUSE_GETATTR) {
      if (in->nodeid == 1) attr.mode = S_IFDIR | 0777;
      struct fuse_attr_out out = {.attr = attr};
      deliver(fuse, in->unique, 0, &out, sizeof out);
    } else if (in->opcode == FUSE_OPEN) {
      struct fuse_open_out out = {0};
      deliver(fuse, in->unique, 0, &out, sizeof out);
    } else if (in->opcode != FUSE_READ) {
      deliver(fuse, in->unique, -ENOSYS, NULL, 0);
    }
  }
}

// Waits for the file with the lock of all memory of this process held.
static void* read_slowly(void* memory) {
  int own = open("/proc/self/mem", O_RDWR);
  if (pwrite(own, "x", 1, (off_t)(uintptr_t)memory) < 0) fatal("pwrite");
  return NULL;
}
// Who waits to change it keeps others from looking at it.
static void* wait_to_change(void* unused) {
  sleep(1);
  mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return unused;
}

static void hang(void) {
  char options[100];
  int fuse = open("/dev/fuse", O_RDWR);
  mkdir("/tmp/fuse", 0755);
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
  if (mount("hang", "/tmp/fuse", "fuse", 0, options) < 0) fatal("mount");
  if (fork() == 0) serve_fuse(fuse);
  close(fuse);  // or nobody could end it
  int file = open("/tmp/fuse/file", O_RDONLY);
  void* memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  if (memory == MAP_FAILED) fatal("mmap");
  memset(cpus, 0xff, sizeof cpus);
  printf("asking\n");
  fflush(stdout);
  pthread_t threads[2];
  pthread_create(&threads[1], NULL, wait_to_change, NULL);
  pthread_create(&threads[0], NULL, read_slowly, memory);
  sleep(2);
  ask_cpus(0, sizeof cpus, cpus);
}

static int packet_socket(const char* link) {
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(link)};
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) < 0) fatal(link);
  return fd;
}

static void send_frames(const char* link, char** frames) {
  int fd = packet_socket(link);
  for (; *frames; frames++) {
    unsigned char bytes[2048];
    size_t size = strlen(*frames) / 2;
    for (size_t i = 0; i < size && i < sizeof bytes; i++) sscanf(*frames + 2 * i, "%2hhx", &bytes[i]);
    if (write(fd, bytes, size) != (ssize_t)size) fatal("write");
  }
}

static void hear_frames(const char* link, const char* last) {
  int fd = packet_socket(link);
  printf("up\n");
  for (;;) {
    fflush(stdout);
    unsigned char bytes[2048];
    char text[2 * sizeof bytes + 1] = "";
    struct sockaddr_ll from;
    socklen_t length = sizeof from;
    ssize_t size = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr*)&from, &length);
    if (size < 0) fatal("recvfrom");
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    for (ssize_t i = 0; i < size; i++) sprintf(text + 2 * i, "%02x", bytes[i]);
    printf("%s\n", text);
    if (strstr(text, last)) return;
  }
}

int main(int argc, char** argv) {
  const char* verb = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  if (!strcmp(verb, "mounts")) mounts(argv + 2);
  if (!strcmp(verb, "nested")) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) fatal("unshare");
    mounts(argv + 2);
  }
  if (!strcmp(verb, "masks")) masks();
  if (!strcmp(verb, "calls")) calls();
  if (!strcmp(verb, "open")) open_each(argv + 2);
  if (!strcmp(verb, "mknod")) nodes(argv + 2);
  if (!strcmp(verb, "notify")) notify();
  if (!strcmp(verb, "init")) be_init();
  if (!strcmp(verb, "hush")) {
    for (int fd = 0; fd < 3; fd++) close(fd);
    wait_forever();
  }
  if (!strcmp(verb, "stubborn")) {
    prctl(PR_SET_PDEATHSIG, 0);
    wait_forever();
  }
  if (!strcmp(verb, "sigwait")) wait_for_power();
  if (!strcmp(verb, "inotify")) many_inotify(atoi(argv[2]));
  if (!strcmp(verb, "deep")) deep(atoi(argv[2]));
  if (!strcmp(verb, "share")) share();
  if (!strcmp(verb, "ask")) ask(atoi(argv[2]));
  if (!strcmp(verb, "hang")) hang();
  if (!strcmp(verb, "listen")) {
    if (listener() < 0) fatal("seccomp");  // the kernel forgets it once nobody has it open
    pid_t child = fork();
    if (child == 0) {
      execvp(argv[2], argv + 2);
      fatal(argv[2]);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  if (!strcmp(verb, "send")) send_frames(argv[2], argv + 3);
  if (!strcmp(verb, "hear")) hear_frames(argv[2], argv[3]);
  if (!strcmp(verb, "owner")) {
    uid_t uid;
    if (ioctl(open(argv[2], O_RDONLY), NS_GET_OWNER_UID, &uid) < 0) fatal("ioctl");
    printf("%u\n", uid);
  }
  if (!strcmp(verb, "keyring")) {
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "tsct-canary") < 0) fatal("keyctl");
    execvp(argv[2], argv + 2);
    fatal(argv[2]);
  }
  return 0;
}
