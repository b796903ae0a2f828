#pragma once
#include <string>

#include "archive/sha256.h"

namespace tsct::archive {

// SHA-256 of a stream of which a prefix can be asked for shortly after it went by: whoever parses the stream
// reads ahead, and knows only then where something began.
class StreamDigest {
 public:
  void update(const void* data, size_t size) {
    held_.append(static_cast<const char*>(data), size);
    if (held_.size() > 2 * kHeld) settle(held_.size() - kHeld);
  }

  // Of the first `bytes` of what came so far; the last MiB of it can be asked for.
  std::string prefix(uint64_t bytes) {
    if (bytes < settled_ || bytes - settled_ > held_.size())
      refuse("check archive", "", "its checksums are too far from where they are read");
    settle(bytes - settled_);
    return digest_.fork().hex();
  }

  // What came after the first `bytes`, as far as it is held.
  std::string_view after(uint64_t bytes) const {
    return bytes < settled_ ? held_ : std::string_view(held_).substr(bytes - settled_);
  }

  std::string hex() {
    settle(held_.size());
    return digest_.hex();
  }

 private:
  static constexpr size_t kHeld = 1 << 20;

  void settle(size_t bytes) {
    digest_.update(held_.data(), bytes);
    held_.erase(0, bytes);
    settled_ += bytes;
  }

  Sha256 digest_;
  std::string held_;
  uint64_t settled_ = 0;
};

}  // namespace tsct::archive
