#include "archive/tar_writer.h"

#include <sys/mman.h>
#include <unistd.h>

#include "archive/xattrs.h"
#include "sys/error.h"

namespace tsct::archive {

namespace {

using RawEntry = std::unique_ptr<::archive_entry, decltype(&archive_entry_free)>;

RawEntry new_entry() {
  return RawEntry(archive_entry_new(), archive_entry_free);
}

constexpr size_t kNothing = 1 << 30;

}  // namespace

TarWriter::TarWriter(Sink sink, int block, Report& report)
    : sink_(std::move(sink)), report_(report), buffer_(256 << 10) {
  ::archive* a = writer_.get();
  archive_write_set_format_pax(a);
  archive_write_set_format_option(a, "pax", "hdrcharset", "BINARY");
  archive_write_set_bytes_per_block(a, block);
  verify(archive_write_open(a, this, nullptr, write, nullptr), "");
}

la_ssize_t TarWriter::write(::archive* writer, void* self, const void* data, size_t size) {
  auto* me = static_cast<TarWriter*>(self);
  try {
    me->sink_(data, size);
    return static_cast<la_ssize_t>(size);
  } catch (...) {
    me->failure_ = std::current_exception();
    archive_set_error(writer, EIO, "the output fails");
    return -1;
  }
}

void TarWriter::verify(la_ssize_t code, const std::string& path) {
  if (failure_) std::rethrow_exception(failure_);
  if (code >= ARCHIVE_OK) return;
  const char* text = archive_error_string(writer_.get());
  refuse("write archive", path, text ? text : "unknown error", archive_errno(writer_.get()));
}

void TarWriter::put_header(::archive_entry* entry, const std::string& path) {
  verify(archive_write_header(writer_.get(), entry), path);
}

void TarWriter::put(const Found& found, const std::function<std::string(const std::string&)>& name_of) {
  Entry entry = found.entry;
  // tar has no sockets; a listener makes its own again.
  if (entry.is(S_IFSOCK)) return report_.strip("socket");
  report_.count_entry(entry);
  RawEntry raw = new_entry();
  ::archive_entry* e = raw.get();
  archive_entry_set_pathname(e, name_of(entry.path).c_str());
  archive_entry_set_mode(e, entry.mode);
  archive_entry_set_uid(e, entry.uid);
  archive_entry_set_gid(e, entry.gid);
  archive_entry_set_mtime(e, entry.mtime.tv_sec, entry.mtime.tv_nsec);
  if (!entry.hardlink.empty()) {
    archive_entry_set_hardlink(e, name_of(entry.hardlink).c_str());
    archive_entry_unset_size(e);
    return put_header(e, entry.path);
  }
  if (entry.is(S_IFLNK)) archive_entry_set_symlink(e, entry.target.c_str());
  if (entry.is(S_IFCHR) || entry.is(S_IFBLK)) archive_entry_set_rdev(e, entry.device);
  UniqueFd fd;
  if (entry.is(S_IFREG) || entry.is(S_IFDIR)) {
    fd = open_found(found);
    for (const Xattr& xattr : read_xattrs(fd.get(), entry.path, report_)) {
      if (xattr.name.starts_with("system."))
        acl_to_archive(xattr, e);
      else
        archive_entry_xattr_add_entry(e, xattr.name.c_str(), xattr.value.data(), xattr.value.size());
    }
  }
  if (!entry.is(S_IFREG)) return put_header(e, entry.path);
  archive_entry_set_size(e, entry.size);
  const std::vector<Piece> pieces = pieces_of(fd.get(), entry, found.sparse);
  if (found.sparse)
    for (const Piece& piece : pieces) archive_entry_sparse_add_entry(e, piece.at, piece.end - piece.at);
  // All of it one hole: a list that says so, or it would be written out.
  if (found.sparse && pieces.empty()) archive_entry_sparse_add_entry(e, entry.size, 0);
  put_header(e, entry.path);
  put_content(fd.get(), entry, pieces);
  verify(archive_write_finish_entry(writer_.get()), entry.path);
}

std::vector<TarWriter::Piece> TarWriter::pieces_of(int fd, const Entry& entry, bool sparse) {
  if (!sparse) return {{0, entry.size}};
  std::vector<Piece> pieces;
  for (off_t at = 0; at < entry.size;) {
    off_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    check(data, "find data", "lseek", entry.path);
    off_t hole = check(::lseek(fd, data, SEEK_HOLE), "find hole", "lseek", entry.path);
    hole = std::min<off_t>(hole, entry.size);
    if (data >= hole) break;
    pieces.push_back({data, hole});
    at = hole;
  }
  return pieces;
}

// Always as many bytes as the header says: a file that shrank meanwhile is filled up with zeros, as tar does.
void TarWriter::put_content(int fd, const Entry& entry, const std::vector<Piece>& pieces) {
  int64_t at = 0;
  for (const Piece& piece : pieces) {
    put_hole(piece.at - at, entry.path);
    for (at = piece.at; at < piece.end;) {
      size_t want =
          static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(buffer_.size()), piece.end - at));
      ssize_t n = ::pread(fd, buffer_.data(), want, at);
      if (n < 0 && errno == EINTR) continue;
      if (check(n, "read file", "pread", entry.path) == 0) {
        std::fill_n(buffer_.begin(), want, '\0');
        n = static_cast<ssize_t>(want);
      }
      verify(archive_write_data(writer_.get(), buffer_.data(), static_cast<size_t>(n)), entry.path);
      report_.count_bytes(static_cast<uint64_t>(n));
      at += n;
    }
  }
  put_hole(entry.size - at, entry.path);
}

// With a list of holes libarchive wants their bytes too, and leaves them out unseen.
void TarWriter::put_hole(int64_t size, const std::string& path) {
  if (size > 0 && !nothing_) {
    void* map = ::mmap(nullptr, kNothing, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) fail("write hole", "mmap", path);
    nothing_ = map;
  }
  for (int64_t done = 0; done < size;) {
    size_t n = static_cast<size_t>(std::min<int64_t>(size - done, static_cast<int64_t>(kNothing)));
    verify(archive_write_data(writer_.get(), nothing_, n), path);
    done += static_cast<int64_t>(n);
  }
}

void TarWriter::put_whiteout(const std::string& name) {
  Entry entry;
  entry.mode = S_IFCHR;
  report_.count_entry(entry);
  RawEntry raw = new_entry();
  archive_entry_set_pathname(raw.get(), name.c_str());
  archive_entry_set_mode(raw.get(), entry.mode);
  archive_entry_set_rdev(raw.get(), 0);
  archive_entry_set_mtime(raw.get(), 0, 0);
  put_header(raw.get(), name);
}

void TarWriter::put_text(const std::string& name, std::string_view text) {
  RawEntry raw = new_entry();
  archive_entry_set_pathname(raw.get(), name.c_str());
  archive_entry_set_mode(raw.get(), S_IFREG | 0600);
  archive_entry_set_size(raw.get(), static_cast<la_int64_t>(text.size()));
  archive_entry_set_mtime(raw.get(), 0, 0);
  put_header(raw.get(), name);
  verify(archive_write_data(writer_.get(), text.data(), text.size()), name);
  verify(archive_write_finish_entry(writer_.get()), name);
}

void TarWriter::close() {
  verify(archive_write_close(writer_.get()), "");
}

void write_all(int fd, const void* data, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t n = ::write(fd, static_cast<const char*>(data) + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    done += static_cast<size_t>(check(n, "write archive", "write"));
  }
}

}  // namespace tsct::archive
