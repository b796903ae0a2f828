// Ports that come and go while others stay: those are touched by nobody, and what is relayed over them goes
// on.
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ports/ports.h"
#include "sys/socket.h"

namespace tsct {
namespace {

PortTable* coming = nullptr;  // until all of it is there
int coming_memory = -1;
uint32_t filled = 0;  // entries before this one have their socket
int failure = 0;

size_t size_of(const PortTable& t) {
  return sizeof(PortTable) + t.count * sizeof(PortEntry);
}

bool is_new(const PortEntry& entry) {
  return entry.protocol && entry.socket == kNewSocket;
}

// Whoever sent it has died in the middle, or it cannot be had whole.
void forget() {
  if (!coming) return;
  for (uint32_t i = 0; i < filled; i++) {
    PortEntry& entry = coming->entries[i];
    bool ours = i < table->count && table->entries[i].protocol && table->entries[i].socket == entry.socket;
    if (entry.protocol && entry.socket >= 0 && !ours) close(entry.socket);
  }
  munmap(coming, size_of(*coming));
  close(coming_memory);
  coming = nullptr;
  coming_memory = -1;
}

void begin(int memory) {
  forget();
  failure = 0;
  filled = 0;
  PortTable* mapped = map_table(memory);
  if (!mapped) {
    failure = EINVAL;
    close(memory);
    return;
  }
  coming = mapped;
  coming_memory = memory;
}

void take_socket(int fd) {
  while (coming && filled < coming->count && !is_new(coming->entries[filled])) filled++;
  if (!coming || filled == coming->count) {
    failure = EINVAL;
    close(fd);
    return;
  }
  coming->entries[filled++].socket = fd;
}

bool is_whole() {
  while (coming && filled < coming->count && !is_new(coming->entries[filled])) filled++;
  return coming && filled == coming->count;
}

void drop_gone() {
  for (uint32_t i = 0; i < table->count; i++) {
    const PortEntry& was = table->entries[i];
    if (!was.protocol) continue;
    const PortEntry* now = i < coming->count ? &coming->entries[i] : nullptr;
    bool stays = now && now->protocol && now->socket == was.socket;
    bool same_target = stays && now->target_port == was.target_port &&
                       now->target_family == was.target_family &&
                       !memcmp(now->target, was.target, sizeof was.target);
    if (!same_target && was.protocol == IPPROTO_UDP) end_sessions_of(i);
    if (!stays) close_port(i);
  }
}

void apply() {
  drop_gone();
  PortTable* before = table;
  table = coming;
  coming = nullptr;
  dup2(coming_memory, 0);
  close(coming_memory);
  coming_memory = -1;
  for (uint32_t i = 0; i < table->count; i++) {
    const PortEntry& entry = table->entries[i];
    bool was = i < before->count && before->entries[i].protocol && before->entries[i].socket == entry.socket;
    if (entry.protocol && !was) open_port(i);
  }
  munmap(before, size_of(*before));
}

void answer() {
  if (!failure && !is_whole()) failure = EINVAL;
  if (failure)
    forget();
  else
    apply();
  int32_t said = failure;
  send_message(table->control, &said, sizeof said);
}

}  // namespace

PortTable* map_table(int memory) {
  struct stat st;
  if (fstat(memory, &st) < 0 || st.st_size < static_cast<off_t>(sizeof(PortTable))) return nullptr;
  size_t size = static_cast<size_t>(st.st_size);
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* t = static_cast<PortTable*>(mapped);
  if (size == size_of(*t)) return t;
  munmap(mapped, size);
  return nullptr;
}

void on_control() {
  PortHeader header{};
  int fds[kMessageFdsMax];
  ssize_t n = receive_message(table->control, &header, sizeof header, fds, kMessageFdsMax, MSG_DONTWAIT);
  if (n < 0) return;
  uint32_t came = 0;
  while (came < kMessageFdsMax && fds[came] >= 0) came++;
  if (n == static_cast<ssize_t>(sizeof header) && header.type == PortMessage::kTable && came == 1) {
    begin(fds[0]);
    return;
  }
  for (uint32_t i = 0; i < came; i++) take_socket(fds[i]);
  if (came < header.count) failure = EMFILE;  // more than may be open
  if (header.type == PortMessage::kDone) answer();
}

}  // namespace tsct
