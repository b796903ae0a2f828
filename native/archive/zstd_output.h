#pragma once
#include <zstd.h>

#include <memory>
#include <vector>

namespace tsct::archive {

// zstd (RFC 8878), in frames of a few MiB that each carry a checksum: damage is found near to where it is,
// and any zstd can read it.
class ZstdOutput {
 public:
  explicit ZstdOutput(int fd);
  // Throws SysError, as finish().
  void write(const void* data, size_t size);
  void finish();

 private:
  void compress(ZSTD_inBuffer& in, ZSTD_EndDirective directive);

  const int fd_;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_{ZSTD_createCCtx(), ZSTD_freeCCtx};
  std::vector<char> out_;
  size_t in_frame_ = 0;
};

}  // namespace tsct::archive
