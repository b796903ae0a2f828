#include "setup/port_change.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "setup/network.h"
#include "setup/port_sockets.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace tsct {
namespace {

constexpr const char* kStep = "tell port holder";
constexpr int kAnswerMs = 5000;

bool same_port(const PortEntry& a, const PortEntry& b) {
  return a.protocol == b.protocol && a.family == b.family && a.at_port == b.at_port &&
         !memcmp(a.at, b.at, sizeof a.at);
}

void lead_to(PortEntry& entry, const PortEntry& wanted) {
  entry.target_family = wanted.target_family;
  entry.target_port = wanted.target_port;
  memcpy(entry.target, wanted.target, sizeof entry.target);
}

void say(const PortHolder& holder, PortMessage type, const std::vector<int>& fds) {
  PortHeader header{type, static_cast<uint32_t>(fds.size())};
  check(send_message(holder.far.get(), &header, sizeof header, fds.data(), static_cast<int>(fds.size())),
        kStep, "sendmsg");
}

}  // namespace

// What stays keeps its place and its socket there.
void PortChange::place(std::vector<PortEntry> wanted) {
  std::vector<bool> stays(table_.size());
  std::erase_if(wanted, [&](const PortEntry& port) {
    auto found =
        std::find_if(table_.begin(), table_.end(), [&](const PortEntry& e) { return same_port(e, port); });
    if (found == table_.end()) return false;
    size_t at = static_cast<size_t>(found - table_.begin());
    if (stays[at])
      refuse("bind port", std::to_string(port.at_port), "the container publishes it twice", EADDRINUSE);
    lead_to(*found, port);
    stays[at] = true;
    return true;
  });
  std::vector<PortEntry> gone;
  for (size_t i = 0; i < table_.size(); i++) {
    if (stays[i] || !table_[i].protocol) continue;
    gone.push_back(table_[i]);
    table_[i] = PortEntry{};
  }
  MoreFiles files(wanted.size());
  for (const auto& port : wanted) {
    UniqueFd fd;
    try {
      fd = bind_port(port);
    } catch (const SysError& e) {
      bool in_the_way = std::any_of(gone.begin(), gone.end(), [&](const PortEntry& other) {
        return other.protocol == port.protocol && other.at_port == port.at_port;
      });
      bool later = e.err == EADDRINUSE && in_the_way;
      if (!later && !only_free_) throw;
      if (later)
        waits_ = true;
      else if (!refused_)
        refused_ = e;
      continue;
    }
    if (!fd) continue;
    auto free = std::find_if(table_.begin(), table_.end(), [](const PortEntry& e) { return !e.protocol; });
    size_t at = static_cast<size_t>(free - table_.begin());
    if (free == table_.end()) table_.emplace_back();
    table_[at] = port;
    sockets_[at] = std::move(fd);
  }
}

void PortChange::bind() {
  holder_ = find_port_holder(plan_);
  if (holder_ && !holder_->far) {
    end_port_holder(plan_);
    holder_.reset();
  }
  if (holder_) table_ = holder_->entries;
  place(published_ports(plan_.network));
}

void PortChange::bind_free() {
  only_free_ = true;
  bind();
}

void PortChange::tell(const PortHolder& holder) const {
  PortHead head = holder.head;
  head.count = static_cast<uint32_t>(table_.size());
  UniqueFd memory = port_table_in_memory(head, table_);
  say(holder, PortMessage::kTable, {memory.get()});
  std::vector<int> fds;
  for (const auto& [at, fd] : sockets_) {
    fds.push_back(fd.get());
    if (fds.size() < kMessageFdsMax) continue;
    say(holder, PortMessage::kSockets, fds);
    fds.clear();
  }
  if (!fds.empty()) say(holder, PortMessage::kSockets, fds);
  say(holder, PortMessage::kDone, {});
  pollfd answered{holder.far.get(), POLLIN, 0};
  int32_t result = ETIMEDOUT;
  if (::poll(&answered, 1, kAnswerMs) == 1)
    check(::recv(holder.far.get(), &result, sizeof result, MSG_DONTWAIT), kStep, "recv");
  if (result) refuse(kStep, "tsct-ports", "it does not take the ports", result);
}

void PortChange::commit() {
  if (!holder_) {
    if (sockets_.empty()) return;
    for (const auto& [at, fd] : sockets_) table_[at].socket = fd.get();
    start_port_holder(plan_, supervisor_, Cgroups(plan_, supervisor_), table_);
  } else {
    tell(*holder_);
  }
  if (!waits_) return;
  PortChange rest(plan_, supervisor_);
  rest.bind();
  rest.commit();
}

void hold_ports_again(const LaunchPlan& plan) {
  try {
    UniqueFd busy = lock_changes(plan, true);
    // Whoever had the lock may have handed over another plan.
    pid_t supervisor = ::getppid();
    std::string path = "/proc/" + std::to_string(supervisor) + "/fd/0";
    LaunchPlan now = decode_plan(read_file(AT_FDCWD, path, kStep));
    PortChange change(now, supervisor);
    change.bind_free();
    change.commit();
    if (change.refused()) throw *change.refused();
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "network";
    throw;
  }
}

}  // namespace tsct
