#include "exec/flow.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "sys/error.h"

namespace tsct {

namespace {

constexpr char kDetachKey = 0x1d;  // Ctrl-]
constexpr int64_t kDetachMs = 1000;
constexpr int kPauseMs = 50;
// After POLLOUT a pipe takes this much without waiting (pipe(7), PIPE_BUF), a terminal nearly so.
constexpr size_t kWriteBytesMax = 4096;

bool is_transient(int err) {
  return err == EAGAIN || err == EWOULDBLOCK || err == EINTR;
}

}  // namespace

int64_t monotonic_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

bool DetachWatch::sees(const char* data, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (data[i] != kDetachKey) {
      earlier_ms_ = {-1, -1};
      continue;
    }
    int64_t now = monotonic_ms();
    if (earlier_ms_[0] >= 0 && now - earlier_ms_[0] <= kDetachMs) return true;
    earlier_ms_ = {earlier_ms_[1], now};
  }
  return false;
}

pollfd Flow::interest() const {
  if (state_ != State::kOpen) return {-1, 0, 0};
  if (begin_ < end_) return {to_.get(), POLLOUT, 0};
  return {pause_ms() >= 0 ? -1 : from_.get(), POLLIN, 0};
}

int Flow::pause_ms() const {
  if (paused_until_ms_ == 0 || state_ != State::kOpen) return -1;
  return static_cast<int>(std::max<int64_t>(0, paused_until_ms_ - monotonic_ms()));
}

// Returns whether there is now something to write.
bool Flow::fill() {
  ssize_t n = ::read(from_.get(), buffer_.data(), buffer_.size());
  paused_until_ms_ = 0;
  if (n > 0) {
    begin_ = 0;
    end_ = static_cast<size_t>(n);
    if (watch_detach_ && detach_.sees(buffer_.data(), end_)) state_ = State::kDetached;
    return state_ == State::kOpen;
  }
  if (n < 0 && is_transient(errno)) return false;
  if (n < 0 && errno == EIO && survive_hangup_)
    paused_until_ms_ = monotonic_ms() + kPauseMs;
  else
    end_source();
  return begin_ < end_;
}

void Flow::end_source() {
  std::string words = last_words_ ? last_words_() : "";
  source_ended_ = true;
  begin_ = 0;
  end_ = words.copy(buffer_.data(), buffer_.size());
  if (begin_ == end_) state_ = State::kEnded;
}

// Returns whether more can be written at once.
bool Flow::empty_out() {
  ssize_t n = ::write(to_.get(), buffer_.data() + begin_, std::min(end_ - begin_, kWriteBytesMax));
  if (n >= 0) {
    begin_ += static_cast<size_t>(n);
    if (source_ended_ && begin_ == end_) state_ = State::kEnded;
    return begin_ < end_;
  }
  if (!is_transient(errno)) state_ = State::kBroken;
  return false;
}

void Flow::advance(short revents) {
  if (state_ != State::kOpen) return;
  if (paused_until_ms_ != 0 && pause_ms() == 0)
    fill();
  else if (revents != 0 && begin_ < end_)
    empty_out();
  else if (revents != 0)
    fill();
}

void Flow::drain(int interrupt) {
  survive_hangup_ = false;
  watch_detach_ = false;
  while (state_ == State::kOpen) {
    bool writing = begin_ < end_;
    pollfd p[] = {{writing ? to_.get() : from_.get(), static_cast<short>(writing ? POLLOUT : POLLIN), 0},
                  {interrupt, POLLIN, 0}};
    poll(p, 2, writing ? -1 : 0);
    if (p[1].revents != 0) return;
    if (writing)
      empty_out();
    else if (p[0].revents == 0 || !fill())
      return;
  }
}

void Flow::close() {
  from_.reset();
  to_.reset();
}

UniqueFd own_stream(int stream) {
  struct stat st;
  bool reopens = isatty(stream) || (::fstat(stream, &st) == 0 && S_ISFIFO(st.st_mode));
  int access = fcntl(stream, F_GETFL) & O_ACCMODE;
  if (reopens) {
    std::string path = "/proc/self/fd/" + std::to_string(stream);
    UniqueFd own(::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own) return own;
  }
  return UniqueFd(check(fcntl(stream, F_DUPFD_CLOEXEC, 3), "duplicate a stream", "fcntl"));
}

}  // namespace tsct
