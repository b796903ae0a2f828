// tar stream -> tree. Two readers of libarchive one behind the other: the first only decompresses, so that
// every byte of the stream is seen once, counted into its digest and checked to the end (a compressor's own
// checksum comes after the last tar block); the second parses tar. Programs outside are never run: only
// decompressors that are libraries are enabled.
#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <cstring>

#include "archive/input.h"
#include "archive/jobs.h"
#include "archive/sha256.h"
#include "archive/xattrs.h"

namespace tsct::archive {

namespace {

using Reader = std::unique_ptr<::archive, decltype(&archive_read_free)>;

Reader new_reader() {
  return Reader(archive_read_new(), archive_read_free);
}

std::string reason(::archive* reader) {
  const char* text = archive_error_string(reader);
  return text ? text : "the input is damaged";
}

// What a reader gets its bytes from, and what may not be thrown through libarchive's C frames.
template <class Source>
struct Feed {
  Source* source;
  std::exception_ptr failure;

  static la_ssize_t read(::archive* reader, void* context, const void** data) {
    auto* feed = static_cast<Feed*>(context);
    try {
      return static_cast<la_ssize_t>(feed->source->next(data));
    } catch (...) {
      feed->failure = std::current_exception();
      archive_set_error(reader, EIO, "the input is damaged");
      return ARCHIVE_FATAL;
    }
  }
};

// Reader 1: bytes of any compression -> bytes of tar.
class Stream {
 public:
  Stream(int fd, Report& report) : input_(fd, report), reader_(new_reader()) {
    feed_.source = &input_;
    ::archive* a = reader_.get();
    for (int filter : {ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_LZMA, ARCHIVE_FILTER_ZSTD,
                       ARCHIVE_FILTER_LZ4})
      archive_read_support_filter_by_code(a, filter);
    archive_read_support_format_raw(a);
    archive_read_support_format_empty(a);
    ::archive_entry* entry = nullptr;
    if (archive_read_open(a, &feed_, nullptr, Feed<Input>::read, nullptr) != ARCHIVE_OK) give_up();
    int code = archive_read_next_header(a, &entry);
    if (code == ARCHIVE_EOF) refuse("read archive", "", "the input is empty");
    if (code != ARCHIVE_OK) give_up();
  }

  // Next piece; 0 bytes at the end. Throws SysError when the input ends early or is damaged.
  size_t next(const void** data) {
    size_t size = 0;
    la_int64_t offset = 0;
    for (;;) {
      int code = archive_read_data_block(reader_.get(), data, &size, &offset);
      if (code == ARCHIVE_EOF) return 0;
      if (code != ARCHIVE_OK) give_up();
      if (size == 0) continue;
      digest_.update(*data, size);
      return size;
    }
  }

  std::string id() { return "sha256:" + digest_.hex(); }

 private:
  [[noreturn]] void give_up() {
    if (feed_.failure) std::rethrow_exception(feed_.failure);
    refuse("decompress archive", "", reason(reader_.get()));
  }

  Input input_;
  Feed<Input> feed_{};
  Reader reader_;
  Sha256 digest_;
};

timespec time_of(time_t seconds, long nanoseconds) {
  return {seconds, nanoseconds};
}

class Unpacker {
 public:
  Unpacker(const UnpackJob& job, Report& report)
      : job_(job),
        report_(report),
        writer_(job.into_fd, report, job.privileges),
        stream_(job.input_fd, report) {
    feed_.source = &stream_;
    ::archive* a = tar_.get();
    archive_read_support_format_tar(a);
    archive_read_support_format_gnutar(a);
    if (archive_read_open(a, &feed_, nullptr, Feed<Stream>::read, nullptr) != ARCHIVE_OK) give_up("");
  }

  std::string run() {
    while (::archive_entry* raw = next_entry()) {
      Entry entry = read_entry(raw);
      if (entry.path.empty() && !entry.is(S_IFDIR))
        refuse("read entry", archive_entry_pathname(raw), "it has no name");
      if (entry.path.empty() && !job_.root_entry) continue;
      if (entry.is(S_IFREG) && entry.hardlink.empty())
        write_file(entry);
      else
        writer_.make(entry);
      report_.count_entry(entry);
    }
    drain();
    writer_.finish();
    return stream_.id();
  }

 private:
  [[noreturn]] void give_up(const std::string& entry) {
    if (feed_.failure) std::rethrow_exception(feed_.failure);
    refuse("read archive", entry, reason(tar_.get()));
  }

  // The next header; null after the end-of-archive blocks (tar(5)). A stream that just stops between two
  // entries is taken for whole by libarchive; here it is a truncated one.
  ::archive_entry* next_entry() {
    ::archive* a = tar_.get();
    if (!last_.empty() && archive_read_data_skip(a) < ARCHIVE_WARN) give_up(last_);
    la_int64_t before = archive_filter_bytes(a, 0);
    ::archive_entry* raw = nullptr;
    int code = archive_read_next_header(a, &raw);
    if (code == ARCHIVE_EOF) {
      if (archive_filter_bytes(a, 0) == before)
        refuse("read archive", last_, "the archive ends without its end mark: it is truncated");
      return nullptr;
    }
    if (code < ARCHIVE_WARN) give_up(last_);
    const char* name = archive_entry_pathname(raw);
    if (name == nullptr)
      refuse("read archive", last_, "the entry after this one has a name that cannot be read");
    last_ = name;
    // A warning is a header that was only half understood (a number, an attribute). Not so names that are no
    // UTF-8 although pax wants them to be (GNU tar writes such): they come as the bytes that they are.
    if (code == ARCHIVE_WARN && !reason(a).ends_with("can't be converted from UTF-8 to current locale."))
      refuse("read entry", last_, reason(a));
    return raw;
  }

  Entry read_entry(::archive_entry* raw) {
    Entry entry;
    entry.path = rename(normalise(archive_entry_pathname(raw)));
    entry.mode = archive_entry_mode(raw);
    entry.uid = owner(archive_entry_uid(raw));
    entry.gid = owner(archive_entry_gid(raw));
    entry.size = archive_entry_size(raw);
    entry.mtime = time_of(archive_entry_mtime(raw), archive_entry_mtime_nsec(raw));
    entry.atime = archive_entry_atime_is_set(raw)
                      ? time_of(archive_entry_atime(raw), archive_entry_atime_nsec(raw))
                      : entry.mtime;
    if (const char* target = archive_entry_hardlink(raw)) {
      entry.hardlink = rename(normalise(target));
      if (entry.hardlink.empty()) refuse("make hard link", last_, "its target is the tree itself");
      return entry;
    }
    if (entry.is(S_IFLNK)) {
      const char* target = archive_entry_symlink(raw);
      if (target == nullptr || *target == '\0')
        refuse("read entry", last_, "a symbolic link without a target");
      entry.target = target;
    } else if (entry.is(S_IFCHR) || entry.is(S_IFBLK)) {
      entry.device = archive_entry_rdev(raw);
    } else if (!entry.is(S_IFREG) && !entry.is(S_IFDIR) && !entry.is(S_IFIFO)) {
      refuse("read entry", last_, "its type is unknown");
    }
    const char* name;
    const void* value;
    size_t size;
    for (archive_entry_xattr_reset(raw); archive_entry_xattr_next(raw, &name, &value, &size) == ARCHIVE_OK;)
      entry.xattrs.push_back({name, std::string(static_cast<const char*>(value), size)});
    acl_from_archive(raw, entry, report_);
    return entry;
  }

  uid_t owner(la_int64_t id) {
    // The last id is no id: chown(2) takes it for "leave as it is".
    if (id < 0 || id >= 0xffffffff)
      refuse("read entry", last_, "its owner " + std::to_string(id) + " is no id");
    return static_cast<uid_t>(id);
  }

  std::string rename(std::string path) {
    if (job_.rename_top.empty() || path.empty()) return path;
    size_t slash = path.find('/');
    return job_.rename_top + (slash == std::string::npos ? "" : path.substr(slash));
  }

  void write_file(const Entry& entry) {
    TreeWriter::Place place = writer_.place(entry.path);
    UniqueFd fd = writer_.create_file(place, entry.path);
    const void* data;
    size_t size;
    la_int64_t offset;
    for (;;) {
      int code = archive_read_data_block(tar_.get(), &data, &size, &offset);
      if (code == ARCHIVE_EOF) break;
      if (code != ARCHIVE_OK) give_up(entry.path);
      for (size_t done = 0; done < size;) {
        ssize_t n = ::pwrite(fd.get(), static_cast<const char*>(data) + done, size - done,
                             offset + static_cast<la_int64_t>(done));
        if (n < 0 && errno == EINTR) continue;
        done += static_cast<size_t>(check(n, "write file", "pwrite", entry.path));
      }
      report_.count_bytes(size);
    }
    // A hole at the end has no block that would set the size.
    check(::ftruncate(fd.get(), entry.size), "set size", "ftruncate", entry.path);
    writer_.finish_file(fd.get(), entry);
  }

  // The rest after the end mark: padding, and the compressor's checksum.
  void drain() {
    const void* data;
    while (stream_.next(&data) > 0) {
    }
  }

  const UnpackJob& job_;
  Report& report_;
  TreeWriter writer_;
  Stream stream_;
  Feed<Stream> feed_{};
  Reader tar_ = new_reader();
  std::string last_;
};

}  // namespace

std::string unpack(const UnpackJob& job, Report& report) {
  return Unpacker(job, report).run();
}

}  // namespace tsct::archive
