#pragma once
#include <archive.h>
#include <archive_entry.h>

#include <functional>
#include <memory>
#include <string>

#include "archive/entry.h"
#include "archive/input.h"
#include "archive/report.h"
#include "archive/stream_digest.h"

namespace tsct::archive {

// The entries of a tar stream of any compression. Two readers of libarchive one behind the other: the first
// only decompresses, so that every byte of the stream is seen once, counted into its digest and checked to
// the end (a compressor's own checksum comes after the last tar block); the second parses tar. Programs
// outside are never run: only decompressors that are libraries are enabled.
class TarReader {
 public:
  TarReader(int fd, Report& report);

  // Goes to the next entry; false after the end-of-archive blocks (tar(5)). A stream that just stops between
  // two entries is taken for whole by libarchive; here it is a truncated one.
  bool next();

  // The entry that next() went to. Paths are normalised. Throws SysError for what a tree cannot have.
  Entry entry();
  // Its name as the stream has it.
  const std::string& name() const { return last_; }
  // Its content, block by block; holes are left out.
  void content(const std::function<void(const void*, size_t, int64_t offset)>& block);
  // All of a small file; refuses one larger than `size_max`.
  std::string text(size_t size_max);

  // SHA-256 of all bytes before the header of this entry, and their number.
  std::string digest_before();
  uint64_t position() const;

  // Reads what follows the end mark: padding, and the compressor's checksum. `zeros`: anything else is
  // refused.
  void drain(bool zeros);
  // "sha256:" of the uncompressed stream, to its very last byte (as an OCI diffID). After drain().
  std::string id() { return "sha256:" + digest_.hex(); }

 private:
  using Reader = std::unique_ptr<::archive, decltype(&archive_read_free)>;

  void open();
  size_t next_piece(const void** data);
  uid_t owner(la_int64_t id);
  [[noreturn]] void give_up();
  static la_ssize_t read_input(::archive* reader, void* self, const void** data);
  static la_ssize_t read_piece(::archive* reader, void* self, const void** data);

  Report& report_;
  Input input_;
  StreamDigest digest_;
  Reader plain_{archive_read_new(), archive_read_free};
  Reader tar_{archive_read_new(), archive_read_free};
  // What may not be thrown through libarchive's C frames.
  std::exception_ptr failure_;
  ::archive_entry* raw_ = nullptr;
  std::string last_;
};

}  // namespace tsct::archive
