#pragma once
#include <zlib.h>

#include <vector>

#include "archive/report.h"

namespace tsct::archive {

// The bytes of a file or pipe, gzip already undone: libarchive undoes gzip without looking at its checksum,
// and a damaged tar.gz would go in as if it were whole. The other compressors check for themselves.
class Input {
 public:
  Input(int fd, Report& report);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // Next piece, valid until the next call; 0 bytes at the end. Throws SysError, also for gzip that is cut
  // short, damaged or followed by something else.
  size_t next(const void** data);

 private:
  bool refill();
  size_t next_inflated(const void** data);
  bool between_members();

  const int fd_;
  Report& report_;
  std::vector<unsigned char> raw_, plain_;
  bool started_ = false;
  bool ended_ = false;
  bool gzip_ = false;
  bool in_member_ = true;
  z_stream zlib_{};
};

}  // namespace tsct::archive
