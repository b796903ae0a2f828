#include "archive/zstd_output.h"

#include "archive/tar_writer.h"
#include "sys/error.h"

namespace tsct::archive {

namespace {

// zstd's own default: about as fast as the rest of an export.
constexpr int kLevel = 3;
// Large enough that a new frame, which knows nothing of what came before, costs little.
constexpr size_t kFrameBytes = 16 << 20;

size_t verify(size_t code) {
  if (ZSTD_isError(code)) refuse("compress archive", "", ZSTD_getErrorName(code));
  return code;
}

}  // namespace

ZstdOutput::ZstdOutput(int fd) : fd_(fd), out_(ZSTD_CStreamOutSize()) {
  if (!context_) refuse("compress archive", "", "zstd does not start", ENOMEM);
  verify(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel));
  verify(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
}

void ZstdOutput::compress(ZSTD_inBuffer& in, ZSTD_EndDirective directive) {
  for (;;) {
    ZSTD_outBuffer out{out_.data(), out_.size(), 0};
    size_t left = verify(ZSTD_compressStream2(context_.get(), &out, &in, directive));
    if (out.pos > 0) write_all(fd_, out_.data(), out.pos);
    if (directive == ZSTD_e_continue ? in.pos == in.size : left == 0) return;
  }
}

void ZstdOutput::write(const void* data, size_t size) {
  ZSTD_inBuffer in{data, size, 0};
  compress(in, ZSTD_e_continue);
  in_frame_ += size;
  if (in_frame_ >= kFrameBytes) finish();
}

void ZstdOutput::finish() {
  ZSTD_inBuffer none{nullptr, 0, 0};
  compress(none, ZSTD_e_end);
  in_frame_ = 0;
}

}  // namespace tsct::archive
