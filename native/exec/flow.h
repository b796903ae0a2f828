#pragma once
#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "sys/unique_fd.h"

namespace tsct {

int64_t monotonic_ms();

// Ctrl-] three times within a second. The first two go on to the guest: a program there may want them.
class DetachWatch {
 public:
  // True when the third is among these bytes.
  bool sees(const char* data, size_t size);

 private:
  std::array<int64_t, 2> earlier_ms_{-1, -1};
};

// Bytes from one fd to another, through a buffer, never waiting for either.
class Flow {
 public:
  enum class State {
    kOpen,
    kEnded,     // the source is at its end and all of it is written
    kBroken,    // the sink takes no more
    kDetached,  // the user typed the detach keys
  };

  Flow(UniqueFd from, UniqueFd to) : from_(std::move(from)), to_(std::move(to)) {}

  void watch_detach() { watch_detach_ = true; }
  // EIO is no end but a pause: nobody has the other side open just now, or we are in the background.
  void survive_hangup() { survive_hangup_ = true; }

  // Asked at the end of the source for what the sink still has to get.
  void say_at_end(std::function<std::string()> last_words) { last_words_ = std::move(last_words); }

  State state() const { return state_; }
  // What to wait for; a negative fd is ignored by poll(2).
  pollfd interest() const;
  // Milliseconds until interest() has to be asked again; -1: never.
  int pause_ms() const;
  // Moves what is there.
  void advance(short revents);
  // Moves all that the source has now, waiting for the sink, so that nothing is lost when we exit; gives up
  // when there is something to read on `interrupt`.
  void drain(int interrupt);
  // Closes both ends once it is not open any more.
  void close();

 private:
  bool fill();
  bool empty_out();
  void end_source();

  UniqueFd from_, to_;
  State state_ = State::kOpen;
  bool watch_detach_ = false, survive_hangup_ = false, source_ended_ = false;
  int64_t paused_until_ms_ = 0;
  DetachWatch detach_;
  std::function<std::string()> last_words_;
  size_t begin_ = 0, end_ = 0;
  std::array<char, 16384> buffer_;
};

// The stream as an open file of our own where that can be had (terminals, pipes), so that O_NONBLOCK does not
// change the caller's; else a duplicate, from and to which single steps after poll(2) do not wait long.
UniqueFd own_stream(int stream);

}  // namespace tsct
