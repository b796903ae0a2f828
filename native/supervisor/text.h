#pragma once
// Text in fixed buffers: the supervisor allocates nothing.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tsct {

template <size_t N>
class Text {
 public:
  Text& add(const char* s) { return add(s, strlen(s)); }
  Text& add(const char* s, size_t n) {
    if (n > N - 1 - size_) n = N - 1 - size_;
    memcpy(data_ + size_, s, n);
    size_ += n;
    data_[size_] = 0;
    return *this;
  }
  Text& add(char c) { return add(&c, 1); }
  Text& number(int64_t v) {
    char digits[24];
    int at = sizeof digits;
    uint64_t u = v < 0 ? 0 - static_cast<uint64_t>(v) : static_cast<uint64_t>(v);
    do digits[--at] = static_cast<char>('0' + u % 10);
    while (u /= 10);
    if (v < 0) digits[--at] = '-';
    return add(digits + at, sizeof digits - static_cast<size_t>(at));
  }
  // A JSON string with its quotes (RFC 8259 section 7); bytes of the guest that are not ASCII become `?`.
  Text& quoted(const char* s) {
    add('"');
    for (; *s; s++) {
      unsigned char c = static_cast<unsigned char>(*s);
      if (c == '"' || c == '\\') add('\\');
      add(c < 0x20 || c > 0x7e ? '?' : static_cast<char>(c));
    }
    return add('"');
  }
  // Drops everything from the last `c` on.
  void cut(char c) {
    while (size_ > 0 && data_[--size_] != c) {
    }
    data_[size_] = 0;
  }
  const char* c_str() const { return data_; }
  size_t size() const { return size_; }
  void clear() { data_[size_ = 0] = 0; }

 private:
  size_t size_ = 0;
  char data_[N] = {};
};

using Path = Text<4096>;
using Line = Text<2048>;

// The `key=value` strings of a handshake message.
class Fields {
 public:
  Fields(const char* text, size_t size) : text_(text), size_(size) {}
  const char* get(const char* key) const {
    size_t n = strlen(key);
    for (size_t at = 0; at < size_; at += strlen(text_ + at) + 1)
      if (!strncmp(text_ + at, key, n) && text_[at + n] == '=') return text_ + at + n + 1;
    return "";
  }
  int64_t number(const char* key) const {
    int64_t v = 0;
    for (const char* s = get(key); *s >= '0' && *s <= '9'; s++) v = v * 10 + (*s - '0');
    return v;
  }
  // Calls fn for each value of a repeated key.
  template <class Fn>
  void each(const char* key, Fn&& fn) const {
    size_t n = strlen(key);
    for (size_t at = 0; at < size_; at += strlen(text_ + at) + 1)
      if (!strncmp(text_ + at, key, n) && text_[at + n] == '=') fn(text_ + at + n + 1);
  }

 private:
  const char* text_;
  size_t size_;
};

}  // namespace tsct
