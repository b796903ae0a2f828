// sysinfo(2): memory, tasks, uptime and load of the container, in the words of lxcfs' files.
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "supervisor/supervisor.h"

namespace tsct {
namespace {

constexpr int64_t kNone = INT64_MAX;

// kNone: no limit, or no such file.
int64_t amount(const char* group, const char* file) {
  char text[64];
  bool some = read_text(group, file, text, sizeof text) && text[0] >= '0' && text[0] <= '9';
  return some ? strtoll(text, nullptr, 10) : kNone;
}

// Of its own limit and of those above it the least.
int64_t least_amount(const char* own, const char* file) {
  Path group;
  int64_t least = kNone;
  for (group.add(own); group.size() > 0; group.cut('/')) {
    int64_t limit = amount(group.c_str(), file);
    if (limit < least) least = limit;
  }
  return least;
}

// The number after a word at the start of a line, which is not the first; 0 when there is none.
int64_t number_after(const char* text, const char* line_and_word) {
  const char* at = strstr(text, line_and_word);
  return at ? strtoll(at + strlen(line_and_word), nullptr, 10) : 0;
}

unsigned long less(int64_t a, int64_t b) {
  return static_cast<unsigned long>(a < b ? a : b);
}

unsigned long left_of(unsigned long total, int64_t used) {
  return used >= static_cast<int64_t>(total) ? 0 : total - static_cast<unsigned long>(used);
}

void take_memory(const Supervisor& s, struct sysinfo& info) {
  const char* group = s.setting("memory_group");
  bool is_v1 = s.fields().number("memory_v1") == 1;
  int64_t unit = info.mem_unit, total = static_cast<int64_t>(info.totalram) * unit;
  int64_t swap = static_cast<int64_t>(info.totalswap) * unit;
  int64_t limit = least_amount(group, is_v1 ? "memory.limit_in_bytes" : "memory.max");
  int64_t used = amount(group, is_v1 ? "memory.usage_in_bytes" : "memory.current");
  if (used == kNone) return;  // without the controller it is the host's
  info.mem_unit = 1;
  info.totalram = less(total, limit);
  info.freeram = left_of(info.totalram, used);
  info.bufferram = info.totalhigh = info.freehigh = 0;
  char text[4096];
  read_text(group, "memory.stat", text, sizeof text);
  info.sharedram = static_cast<unsigned long>(number_after(text, is_v1 ? "\ntotal_shmem " : "\nshmem "));
  if (is_v1) {  // memory and swap together
    int64_t both = least_amount(group, "memory.memsw.limit_in_bytes");
    int64_t both_used = amount(group, "memory.memsw.usage_in_bytes");
    info.totalswap = less(swap, both == kNone || limit > both ? kNone : both - limit);
    info.freeswap = left_of(info.totalswap, both_used == kNone ? 0 : both_used - used);
    return;
  }
  int64_t swapped = amount(group, "memory.swap.current");
  info.totalswap = less(swap, least_amount(group, "memory.swap.max"));
  info.freeswap = left_of(info.totalswap, swapped == kNone ? 0 : swapped);
}

}  // namespace

bool answer_sysinfo(Supervisor& s, const seccomp_notif& call, ShareAnswer& answer) {
  struct sysinfo info {};
  if (sysinfo(&info) < 0) return false;
  take_memory(s, info);
  int64_t tasks = amount(s.setting("pids_group"), "pids.current");
  if (tasks != kNone) info.procs = static_cast<unsigned short>(tasks);
  info.uptime = now_ms(CLOCK_BOOTTIME) / 1000 - s.share.since_ms / 1000;
  take_load(s, info.loads);
  memcpy(answer.bytes, &info, sizeof info);
  answer.address = call.data.args[0];
  answer.size = sizeof info;
  answer.result = 0;
  return true;
}

}  // namespace tsct
