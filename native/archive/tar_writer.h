#pragma once
#include <archive.h>
#include <archive_entry.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "archive/report.h"
#include "archive/walk.h"

namespace tsct::archive {

// A pax stream (POSIX.1-2001 interchange format; attributes and ACLs as star and libarchive put them:
// SCHILY.xattr.*, SCHILY.acl.*). Names go in as they are, of no charset.
class TarWriter {
 public:
  using Sink = std::function<void(const void* data, size_t size)>;

  // The sink gets blocks of `block` bytes; 0: everything at once, so that it has all of an entry when put()
  // or put_text() returns.
  TarWriter(Sink sink, int block, Report& report);

  // What was found on a walk; `name_of` gives its name in the stream, and that of what it is a hard link to.
  void put(const Found& found, const std::function<std::string(const std::string&)>& name_of);
  // That there is nothing of this name any more, as overlay says it: a character device 0:0 (overlayfs.rst,
  // "Whiteouts and opaque directories").
  void put_whiteout(const std::string& name);
  // A small file of root's.
  void put_text(const std::string& name, std::string_view text);
  // The end mark.
  void close();

 private:
  void verify(la_ssize_t code, const std::string& path);
  void put_header(::archive_entry* entry, const std::string& path);
  struct Piece {
    int64_t at;
    int64_t end;
  };
  // The parts of a file that hold something; one part when `sparse` is not set.
  static std::vector<Piece> pieces_of(int fd, const Entry& entry, bool sparse);
  void put_content(int fd, const Entry& entry, const std::vector<Piece>& pieces);
  void put_hole(int64_t size, const std::string& path);
  static la_ssize_t write(::archive* writer, void* self, const void* data, size_t size);

  Sink sink_;
  Report& report_;
  std::unique_ptr<::archive, decltype(&archive_write_free)> writer_{archive_write_new(), archive_write_free};
  std::vector<char> buffer_;
  // What holes are written from: address space that nobody touches.
  const void* nothing_ = nullptr;
  // What may not be thrown through libarchive's C frames.
  std::exception_ptr failure_;
};

// Writes all of it. Throws SysError.
void write_all(int fd, const void* data, size_t size);

}  // namespace tsct::archive
