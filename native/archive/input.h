#pragma once
#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <vector>

#include "archive/report.h"

namespace tsct::archive {

// The bytes of a file or pipe, gzip and zstd already undone: libarchive undoes gzip without looking at its
// checksum, and takes what follows the last frame of zstd for nothing; a damaged archive would go in as if it
// were whole. The other compressors check for themselves.
class Input {
 public:
  Input(int fd, Report& report);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // Next piece, valid until the next call; 0 bytes at the end. Throws SysError, also for what is cut
  // short, damaged or followed by something else.
  size_t next(const void** data);

 private:
  bool refill();
  size_t next_inflated(const void** data);
  bool between_members();
  void start_zstd();
  size_t next_zstd(const void** data);

  const int fd_;
  Report& report_;
  std::vector<unsigned char> raw_, plain_;
  bool started_ = false;
  bool ended_ = false;
  bool gzip_ = false;
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> zstd_{nullptr, ZSTD_freeDCtx};
  bool in_member_ = true;
  z_stream zlib_{};
};

}  // namespace tsct::archive
