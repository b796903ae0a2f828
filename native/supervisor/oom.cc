// At the memory limit: who is told, and what becomes of the container. [Resources] OOMPolicy= and OOMHook=.
//
//   v1  an eventfd on memory.oom_control tells (cgroup-v1/memory.rst, "OOM Control"). With oom_kill_disable
//       whoever asks for memory sleeps until there is some: the container can be held at its limit.
//   v2  the kernel holds nobody: MemoryMax= is memory.high, where whoever asks is slowed down, and memory.max
//       lies OOMHeadroom= above it. memory.events.local tells of both by POLLPRI (cgroup-v2.rst, "Memory
//       Interface Files"); being above `high` with page cache to give back is no want of memory.
//
// Held, the payload is frozen by cgroup v2 core. A sleeper in the kernel never reports frozen, and does not
// run either: nobody waits for the kernel's word here.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/supervisor.h"
#include "supervisor/tags.h"

namespace tsct {
namespace {

constexpr int64_t kSlackBytes = 256 << 10;  // charges go by batches of pages
constexpr int64_t kRecentMs = 3000;

bool is_v1(const Supervisor& s) {
  return *s.setting("memory_v1") == '1';
}

bool policy_is(const Supervisor& s, const char* policy) {
  return !strcmp(s.setting("oom_policy"), policy);
}

bool holds(const Supervisor& s) {
  return policy_is(s, "freeze") || policy_is(s, "raise");
}

int open_file(const Supervisor& s, const char* file) {
  Path path;
  path.add(s.setting("memory_group")).add('/').add(file);
  return open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

size_t read_whole(int fd, char* text, size_t size) {
  ssize_t n = pread(fd, text, size - 1, 0);
  text[n > 0 ? n : 0] = 0;
  return n > 0 ? static_cast<size_t>(n) : 0;
}

// The number after a word at the start of a line, 0 when there is none.
int64_t number_of(const char* text, const char* word) {
  size_t n = strlen(word);
  for (const char* line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (!strncmp(line, word, n) && line[n] == ' ') return strtoll(line + n, nullptr, 10);
  }
  return 0;
}

// -1: no limit, or no such file.
int64_t amount(const Supervisor& s, const char* file) {
  int fd = open_file(s, file);
  if (fd < 0) return -1;
  char text[64];
  bool some = read_whole(fd, text, sizeof text) > 0 && text[0] >= '0' && text[0] <= '9';
  close(fd);
  return some ? strtoll(text, nullptr, 10) : -1;
}

bool write_amount(const Supervisor& s, const char* file, int64_t value) {
  Text<24> text;
  if (value < 0)
    text.add("max");
  else
    text.number(value);
  return write_cgroup(s.setting("memory_group"), file, text.c_str()) == 0;
}

int64_t usage_of(const Supervisor& s) {
  return amount(s, is_v1(s) ? "memory.usage_in_bytes" : "memory.current");
}

const char* limit_file(const Supervisor& s) {
  return is_v1(s) ? "memory.limit_in_bytes" : holds(s) ? "memory.high" : "memory.max";
}

// What the kernel could take back at once: without swap that is page cache. tmpfs is not in these lists.
int64_t reclaimable(const Supervisor& s) {
  int fd = open_file(s, "memory.stat");
  if (fd < 0) return 0;
  char text[4096];
  read_whole(fd, text, sizeof text);
  close(fd);
  return number_of(text, "inactive_file") + number_of(text, "active_file") +
         number_of(text, "slab_reclaimable");
}

bool has_room(const Supervisor& s) {
  int64_t limit = amount(s, limit_file(s)), used = usage_of(s);
  if (limit < 0) return true;
  if (!is_v1(s)) used -= reclaimable(s);
  return used + kSlackBytes < limit;
}

// The word of an eventfd may be late: somebody sleeps at the limit now.
bool is_under_oom(const Supervisor& s) {
  char text[128];
  read_whole(s.oom_control, text, sizeof text);
  return number_of(text, "under_oom") == 1;
}

struct Hit {
  const char* action;
  int64_t usage, limit, raised_to;
};

void tell(Supervisor& s, const Hit& hit) {
  Line line;
  line.add("{\"event\":\"oom\",\"action\":").quoted(hit.action).add(",\"usageBytes\":").number(hit.usage);
  line.add(",\"limitBytes\":").number(hit.limit);
  if (hit.raised_to > 0) line.add(",\"raisedToBytes\":").number(hit.raised_to);
  line.add("}\n");
  publish(s, line.c_str());
}

template <size_t N>
char* variable(Text<N>& text, const char* name, int64_t value) {
  text.add(name).number(value);
  return const_cast<char*>(text.c_str());
}

// Nobody waits for it: it may well ask for a higher limit. One at a time: what comes meanwhile it can see.
void run_hook(Supervisor& s, const Hit& hit) {
  const char* hook = s.setting("oom_hook");
  if (!*hook || s.hook_pid) return;
  Text<128> name, action;
  Text<64> usage, limit, raised;
  name.add("TSCT_NAME=").add(s.setting("name"));
  action.add("TSCT_OOM_ACTION=").add(hit.action);
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  Path root;  // DIR of DIR/NAME
  root.add("TSCT_ROOT=").add(s.setting("container_dir")).cut('/');
  char* env[] = {
      path,
      const_cast<char*>(root.c_str()),
      const_cast<char*>(name.c_str()),
      const_cast<char*>(action.c_str()),
      variable(usage, "TSCT_MEMORY_USAGE_BYTES=", hit.usage),
      variable(limit, "TSCT_MEMORY_LIMIT_BYTES=", hit.limit),
      hit.raised_to > 0 ? variable(raised, "TSCT_MEMORY_RAISED_TO_BYTES=", hit.raised_to) : nullptr,
      nullptr};
  char* argv[] = {const_cast<char*>(hook), nullptr};
  pid_t pid = vfork();
  if (pid == 0) {
    setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0) _exit(126);  // its own is the plan
    leave_supervisor_cgroup(s);                     // it may outlive this run, and restart it
    execve(hook, argv, env);
    _exit(errno == ENOENT ? 127 : 126);
  }
  s.hook_pid = pid > 0 ? pid : 0;
}

void hold(Supervisor& s) {
  s.oom_held = true;
  freeze_payload(s, true, false);
  publish_state(s);
}

// Frozen by the policy, it goes on by itself as soon as there is room; what an admin froze stays so.
void go_on(Supervisor& s) {
  s.oom_held = false;
  if (!s.frozen && !is_held(s)) freeze_payload(s, false, false);
  publish_state(s);
}

// The limit is the last word from here on: the kernel kills.
void give_up(Supervisor& s) {
  s.oom_given_up = true;
  if (is_v1(s))
    write_amount(s, "memory.oom_control", 0);
  else
    write_amount(s, "memory.high", -1);
}

// MemorySwapMax= on v1: memory and swap together are never less than memory. No limit is a huge one there.
void raise_with_swap(const Supervisor& s, int64_t by) {
  constexpr const char* kFile = "memory.memsw.limit_in_bytes";
  int64_t both = amount(s, kFile);
  if (both >= 0 && both < INT64_MAX / 2) write_amount(s, kFile, both + by);
}

// By a part of itself, to what it may be at most; 0: it is that already.
int64_t raise_limit(Supervisor& s, int64_t limit) {
  int64_t most = s.fields().number("oom_raise_max_bytes");
  int64_t wanted = limit + limit * s.fields().number("oom_raise_percent") / 100;
  if (most > 0 && wanted > most) wanted = most;
  if (wanted <= limit) return 0;
  if (is_v1(s)) {
    raise_with_swap(s, wanted - limit);
    return write_amount(s, "memory.limit_in_bytes", wanted) ? wanted : 0;
  }
  int64_t max = amount(s, "memory.max");
  if (max >= 0 && !write_amount(s, "memory.max", wanted + (max - limit))) return 0;
  return write_amount(s, "memory.high", wanted) ? wanted : 0;
}

const char* act(Supervisor& s, Hit& hit) {
  if (s.oom_given_up) return "kill";
  if (policy_is(s, "freeze")) {
    hold(s);
    return "freeze";
  }
  if (policy_is(s, "raise")) {
    hit.raised_to = raise_limit(s, hit.limit);
    if (hit.raised_to > 0) return "raise";
    give_up(s);
    return "kill";
  }
  if (policy_is(s, "kill-all") || policy_is(s, "restart")) {
    s.oom_ended = true;
    kill_payload(s);
    return s.setting("oom_policy");
  }
  return "kill";
}

void hit_limit(Supervisor& s) {
  if (s.oom_held || s.oom_ended || !s.init) return;
  Hit hit{"", usage_of(s), amount(s, limit_file(s)), 0};
  s.oom_count++;
  s.oom_at_ms = now_ms(CLOCK_MONOTONIC);
  hit.action = act(s, hit);
  tell(s, hit);
  run_hook(s, hit);
}

bool watch_v1(Supervisor& s) {
  s.oom_control = open_file(s, "memory.oom_control");
  s.oom = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  Text<32> words;
  words.number(s.oom).add(' ').number(s.oom_control);
  bool done = write_cgroup(s.setting("memory_group"), "cgroup.event_control", words.c_str()) == 0;
  return done && (!holds(s) || write_amount(s, "memory.oom_control", 1));
}

bool watch_v2(Supervisor& s) {
  s.oom = open_file(s, "memory.events.local");
  return s.oom >= 0 || !holds(s);  // without the controller there is no limit either
}

}  // namespace

bool watch_memory(Supervisor& s) {
  if (!(is_v1(s) ? watch_v1(s) : watch_v2(s))) return false;
  if (s.oom >= 0) watch(s, s.oom, is_v1(s) ? EPOLLIN : EPOLLPRI, kTagOom);
  return true;
}

void on_oom(Supervisor& s) {
  if (s.oom < 0) return;
  if (is_v1(s)) {
    uint64_t times;
    bool is_told = read(s.oom, &times, sizeof times) == sizeof times;
    if (is_told && (s.oom_given_up || !holds(s) || is_under_oom(s))) hit_limit(s);
    return;
  }
  char text[512];
  read_whole(s.oom, text, sizeof text);
  int64_t killed = number_of(text, "oom"), slowed = number_of(text, "high");
  bool is_short = killed > s.oom_seen || (holds(s) && slowed > s.high_seen && !has_room(s));
  s.oom_seen = killed;
  s.high_seen = slowed;
  if (is_short) hit_limit(s);
}

bool died_of_memory(Supervisor& s) {
  on_oom(s);  // its end and its cause may come in either order
  return s.oom_ended || (s.oom_at_ms > 0 && now_ms(CLOCK_MONOTONIC) - s.oom_at_ms < kRecentMs);
}

int thaw_held(Supervisor& s) {
  if (!has_room(s)) return -ENOMEM;
  go_on(s);
  return 0;
}

void look_for_room(Supervisor& s) {
  if (s.oom_held && has_room(s)) go_on(s);
  if (!s.oom_given_up || s.ask == Ask::kHalt || !has_room(s)) return;
  s.oom_given_up = false;
  if (is_v1(s)) write_amount(s, "memory.oom_control", 1);
}

void end_held(Supervisor& s) {
  if (!s.oom_held) return;
  give_up(s);
  s.oom_held = false;
}

void on_hook_exit(Supervisor& s, int code) {
  s.hook_pid = 0;
  Line line;
  line.add("{\"event\":\"oom-hook\",\"code\":").number(code).add("}\n");
  publish(s, line.c_str());
}

void forget_memory(Supervisor& s) {
  if (s.oom >= 0) close(s.oom);
  if (s.oom_control >= 0) close(s.oom_control);
  s.oom = s.oom_control = -1;
  s.oom_held = s.oom_ended = s.oom_given_up = false;
  s.oom_at_ms = s.oom_seen = s.high_seen = 0;
}

}  // namespace tsct
