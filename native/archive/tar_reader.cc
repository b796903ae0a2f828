#include "archive/tar_reader.h"

#include <cstring>

#include "archive/xattrs.h"
#include "sys/error.h"

namespace tsct::archive {

namespace {

std::string reason(::archive* reader) {
  const char* text = archive_error_string(reader);
  return text ? text : "the input is damaged";
}

timespec time_of(time_t seconds, long nanoseconds) {
  return {seconds, nanoseconds};
}

}  // namespace

TarReader::TarReader(int fd, Report& report) : report_(report), input_(fd, report) {
  ::archive* plain = plain_.get();
  // gzip and zstd are undone by Input.
  for (int filter : {ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_LZMA, ARCHIVE_FILTER_LZ4})
    archive_read_support_filter_by_code(plain, filter);
  archive_read_support_format_raw(plain);
  archive_read_support_format_empty(plain);
  if (archive_read_open(plain, this, nullptr, read_input, nullptr) != ARCHIVE_OK) open();
  ::archive_entry* all = nullptr;
  int code = archive_read_next_header(plain, &all);
  if (code == ARCHIVE_EOF) refuse("read archive", "", "the input is empty");
  if (code != ARCHIVE_OK) open();
  archive_read_support_format_tar(tar_.get());
  archive_read_support_format_gnutar(tar_.get());
  if (archive_read_open(tar_.get(), this, nullptr, read_piece, nullptr) != ARCHIVE_OK) give_up();
}

// The first reader has failed.
void TarReader::open() {
  if (failure_) std::rethrow_exception(failure_);
  refuse("decompress archive", last_, reason(plain_.get()));
}

void TarReader::give_up() {
  if (failure_) std::rethrow_exception(failure_);
  refuse("read archive", last_, reason(tar_.get()));
}

la_ssize_t TarReader::read_input(::archive* reader, void* self, const void** data) {
  auto* me = static_cast<TarReader*>(self);
  try {
    return static_cast<la_ssize_t>(me->input_.next(data));
  } catch (SysError& error) {
    if (error.target.empty()) error.target = me->last_;
    me->failure_ = std::make_exception_ptr(error);
  } catch (...) {
    me->failure_ = std::current_exception();
  }
  archive_set_error(reader, EIO, "the input is damaged");
  return ARCHIVE_FATAL;
}

la_ssize_t TarReader::read_piece(::archive* reader, void* self, const void** data) {
  auto* me = static_cast<TarReader*>(self);
  try {
    return static_cast<la_ssize_t>(me->next_piece(data));
  } catch (...) {
    me->failure_ = std::current_exception();
    archive_set_error(reader, EIO, "the input is damaged");
    return ARCHIVE_FATAL;
  }
}

// Next piece of the decompressed stream; 0 bytes at the end. Throws SysError when it ends early or is
// damaged.
size_t TarReader::next_piece(const void** data) {
  size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    int code = archive_read_data_block(plain_.get(), data, &size, &offset);
    if (code == ARCHIVE_EOF) return 0;
    if (code != ARCHIVE_OK) open();
    if (size == 0) continue;
    digest_.update(*data, size);
    return size;
  }
}

bool TarReader::next() {
  ::archive* a = tar_.get();
  if (!last_.empty() && archive_read_data_skip(a) < ARCHIVE_WARN) give_up();
  la_int64_t before = archive_filter_bytes(a, 0);
  int code = archive_read_next_header(a, &raw_);
  if (code == ARCHIVE_EOF) {
    if (archive_filter_bytes(a, 0) == before)
      refuse("read archive", last_, "the archive ends without its end mark: it is truncated");
    return false;
  }
  if (code < ARCHIVE_WARN) give_up();
  const char* name = archive_entry_pathname(raw_);
  if (name == nullptr)
    refuse("read archive", last_, "the entry after this one has a name that cannot be read");
  last_ = name;
  // A warning is a header that was only half understood (a number, an attribute). Not so names that are no
  // UTF-8 although pax wants them to be (GNU tar writes such): they come as the bytes that they are.
  if (code == ARCHIVE_WARN && !reason(a).ends_with("can't be converted from UTF-8 to current locale."))
    refuse("read entry", last_, reason(a));
  return true;
}

Entry TarReader::entry() {
  Entry entry;
  entry.path = normalise(last_);
  entry.mode = archive_entry_mode(raw_);
  entry.uid = owner(archive_entry_uid(raw_));
  entry.gid = owner(archive_entry_gid(raw_));
  entry.size = archive_entry_size(raw_);
  entry.mtime = time_of(archive_entry_mtime(raw_), archive_entry_mtime_nsec(raw_));
  entry.atime = archive_entry_atime_is_set(raw_)
                    ? time_of(archive_entry_atime(raw_), archive_entry_atime_nsec(raw_))
                    : entry.mtime;
  if (const char* target = archive_entry_hardlink(raw_)) {
    entry.hardlink = normalise(target);
    if (entry.hardlink.empty()) refuse("make hard link", last_, "its target is the tree itself");
    return entry;
  }
  if (entry.is(S_IFLNK)) {
    const char* target = archive_entry_symlink(raw_);
    if (target == nullptr || *target == '\0') refuse("read entry", last_, "a symbolic link without a target");
    entry.target = target;
  } else if (entry.is(S_IFCHR) || entry.is(S_IFBLK)) {
    entry.device = archive_entry_rdev(raw_);
  } else if (!entry.is(S_IFREG) && !entry.is(S_IFDIR) && !entry.is(S_IFIFO)) {
    refuse("read entry", last_, "its type is unknown");
  }
  const char* name;
  const void* value;
  size_t size;
  for (archive_entry_xattr_reset(raw_); archive_entry_xattr_next(raw_, &name, &value, &size) == ARCHIVE_OK;)
    entry.xattrs.push_back({name, std::string(static_cast<const char*>(value), size)});
  acl_from_archive(raw_, entry, report_);
  return entry;
}

uid_t TarReader::owner(la_int64_t id) {
  // The last id is no id: chown(2) takes it for "leave as it is".
  if (id < 0 || id >= 0xffffffff)
    refuse("read entry", last_, "its owner " + std::to_string(id) + " is no id");
  return static_cast<uid_t>(id);
}

void TarReader::content(const std::function<void(const void*, size_t, int64_t)>& block) {
  const void* data;
  size_t size;
  la_int64_t offset;
  for (;;) {
    int code = archive_read_data_block(tar_.get(), &data, &size, &offset);
    if (code == ARCHIVE_EOF) return;
    if (code != ARCHIVE_OK) give_up();
    block(data, size, offset);
  }
}

std::string TarReader::text(size_t size_max) {
  std::string text;
  content([&](const void* data, size_t size, int64_t) {
    if (text.size() + size > size_max) refuse("read entry", last_, "it is too large");
    text.append(static_cast<const char*>(data), size);
  });
  return text;
}

uint64_t TarReader::position() const {
  return static_cast<uint64_t>(archive_read_header_position(tar_.get()));
}

std::string TarReader::digest_before() {
  return digest_.prefix(position());
}

void TarReader::drain(bool zeros) {
  auto look = [&](std::string_view rest) {
    if (zeros && rest.find_first_not_of('\0') != std::string_view::npos)
      refuse("read archive", last_, "something follows the end of the archive");
  };
  look(digest_.after(static_cast<uint64_t>(archive_filter_bytes(tar_.get(), 0))));
  const void* data;
  while (size_t size = next_piece(&data)) look({static_cast<const char*>(data), size});
}

}  // namespace tsct::archive
