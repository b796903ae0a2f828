#include "archive/input.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "sys/error.h"

namespace tsct::archive {

namespace {

constexpr size_t kBufferBytes = 256 << 10;
// RFC 1952, 2.3.1
constexpr unsigned char kMagic[2] = {0x1f, 0x8b};
// RFC 8878, 3.1.1
constexpr unsigned char kZstdMagic[4] = {0x28, 0xb5, 0x2f, 0xfd};
// zlib.h: 15 is the largest window, 16 more takes gzip and nothing else.
constexpr int kGzipOnly = 15 + 16;

}  // namespace

Input::Input(int fd, Report& report) : fd_(fd), report_(report), raw_(kBufferBytes) {
  struct stat st;
  if (::fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) report.expect_input(static_cast<uint64_t>(st.st_size));
}

Input::~Input() {
  if (gzip_) inflateEnd(&zlib_);
}

// Appends nothing: only called when all of raw_ has been used. False at the end.
bool Input::refill() {
  size_t filled = 0;
  // A pipe gives little at a time: as much as the first look needs at least.
  while (!ended_ && filled < (started_ ? 1 : sizeof kZstdMagic)) {
    ssize_t n = ::read(fd_, raw_.data() + filled, raw_.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    check(n, "read archive", "read");
    if (n == 0) ended_ = true;
    filled += static_cast<size_t>(n);
  }
  report_.count_input(filled);
  zlib_.next_in = raw_.data();
  zlib_.avail_in = static_cast<unsigned>(filled);
  return filled > 0;
}

size_t Input::next(const void** data) {
  if (!started_) {
    if (!refill()) return 0;
    started_ = true;
    if (zlib_.avail_in >= 2 && raw_[0] == kMagic[0] && raw_[1] == kMagic[1]) {
      if (inflateInit2(&zlib_, kGzipOnly) != Z_OK) refuse("decompress archive", "", "zlib does not start");
      gzip_ = true;
      plain_.resize(kBufferBytes);
    } else if (zlib_.avail_in >= 4 && memcmp(raw_.data(), kZstdMagic, 4) == 0) {
      start_zstd();
    } else {
      *data = raw_.data();
      return zlib_.avail_in;
    }
  }
  if (gzip_) return next_inflated(data);
  if (zstd_) return next_zstd(data);
  if (!refill()) return 0;
  *data = raw_.data();
  return zlib_.avail_in;
}

size_t Input::next_inflated(const void** data) {
  for (;;) {
    if (zlib_.avail_in == 0 && !refill()) {
      if (in_member_) refuse("decompress archive", "", "truncated gzip input");
      return 0;
    }
    if (!in_member_ && !between_members()) continue;
    zlib_.next_out = plain_.data();
    zlib_.avail_out = static_cast<unsigned>(plain_.size());
    int code = inflate(&zlib_, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      refuse("decompress archive", "", std::string("damaged gzip input: ") + (zlib_.msg ? zlib_.msg : "?"));
    if (code == Z_STREAM_END) in_member_ = false;
    size_t size = plain_.size() - zlib_.avail_out;
    if (size == 0) continue;
    *data = plain_.data();
    return size;
  }
}

void Input::start_zstd() {
  zstd_.reset(ZSTD_createDCtx());
  if (!zstd_) refuse("decompress archive", "", "zstd does not start", ENOMEM);
  plain_.resize(kBufferBytes);
}

// Frames may follow one another (RFC 8878, 3). in_member_ is true in the midst of one.
size_t Input::next_zstd(const void** data) {
  for (;;) {
    if (zlib_.avail_in == 0 && !refill()) {
      if (in_member_) refuse("decompress archive", "", "truncated zstd input");
      return 0;
    }
    ZSTD_inBuffer in{zlib_.next_in, zlib_.avail_in, 0};
    ZSTD_outBuffer out{plain_.data(), plain_.size(), 0};
    size_t left = ZSTD_decompressStream(zstd_.get(), &out, &in);
    if (ZSTD_isError(left))
      refuse("decompress archive", "",
             in_member_ ? std::string("damaged zstd input: ") + ZSTD_getErrorName(left)
                        : "something that is no zstd follows its end");
    zlib_.next_in += in.pos;
    zlib_.avail_in -= static_cast<unsigned>(in.pos);
    in_member_ = left != 0;
    if (out.pos == 0) continue;
    *data = plain_.data();
    return out.pos;
  }
}

// Members may follow one another (RFC 1952, 2.2), zeros may fill the last block of a tape. True at a new
// member.
bool Input::between_members() {
  while (zlib_.avail_in > 0 && *zlib_.next_in == 0) {
    zlib_.next_in++;
    zlib_.avail_in--;
  }
  if (zlib_.avail_in == 0) return false;
  if (*zlib_.next_in != kMagic[0])
    refuse("decompress archive", "", "something that is no gzip follows its end");
  if (inflateReset(&zlib_) != Z_OK) refuse("decompress archive", "", "zlib does not start again");
  in_member_ = true;
  return true;
}

}  // namespace tsct::archive
