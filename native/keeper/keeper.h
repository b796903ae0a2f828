#pragma once
// The state of one tsct-keeper: one child, one thread, fixed memory.
#include <poll.h>
#include <sys/types.h>

#include <cstdint>

namespace tsct {

constexpr int kUsersMax = 4096;
constexpr int64_t kKeeperUnusedMs = 10000;  // so long it waits for who comes

struct Keeper {
  char** command = nullptr;
  bool of_view = false;  // else of a network
  int signals = -1;
  pid_t child = 0;
  int64_t started_ms = 0, delay_ms = 0;
  int64_t start_at_ms = 0;  // 0: nothing to start
  int64_t look_at_ms = 0;   // when to count who needs it; 0: not now
  int64_t kill_at_ms = 0;   // ending: when it becomes SIGKILL
  bool ending = false;
};
extern Keeper keeper;

// main.cc
int64_t now_ms();
[[noreturn]] void refuse(const char* what, const char* target);
void end();

// links.cc: a network, needed while its bridge has a port
void watch_links(const char* bridge);
int poll_links(pollfd* fds);  // returns how many it has filled in
void on_links(const pollfd* fds);
bool has_port();

// view.cc: lxcfs, needed while a container is connected
void open_view(const char* run_dir, const char* mount_point);
int poll_view(pollfd* fds);
void on_view(const pollfd* fds);
bool has_user();
void on_view_end();      // of the child
int64_t view_time_ms();  // when to be woken; 0: never
void on_view_time(int64_t now);

}  // namespace tsct
