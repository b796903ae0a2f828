#include "copy/content.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "copy/workers.h"
#include "sys/error.h"

namespace tsct::copy {

namespace {

constexpr off_t kCloneAnyway = 16 << 20;

}  // namespace

bool Content::clone(int from, int to, const struct stat& st, const Where& where) {
  if (reflink_ == Reflink::Never || !clones_ || (prefer_memory_ && st.st_size < kCloneAnyway)) return false;
  if (::ioctl(to, FICLONE, from) == 0) {
    has_cloned_ = true;
    summary_.cloned_bytes += static_cast<uint64_t>(st.st_size);
    return true;
  }
  if (reflink_ == Reflink::Always) fail("share blocks of file", "ioctl(FICLONE)", where.path());
  // EINVAL is about this file (ioctl_ficlone(2): a swap file, no-copy-on-write on btrfs), the rest about all.
  if (errno == EOPNOTSUPP || errno == ENOTTY || errno == EXDEV || errno == ENOSYS)
    clones_ = false;
  else if (errno != EINVAL && errno != ETXTBSY && errno != EPERM)
    fail("share blocks of file", "ioctl(FICLONE)", where.path());
  return false;
}

void Content::copy(int from, int to, const struct stat& st, const Where& where, char* buffer) {
  if (st.st_size == 0 || clone(from, to, st, where)) return;
  if (!sparse(st)) return copy_data(from, to, st, where, buffer);
  for (off_t at = 0; at < st.st_size;) {
    off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) fail("find data", "lseek", where.path());
    off_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) fail("find hole", "lseek", where.path());
    const off_t end = std::min<off_t>(hole, st.st_size);
    at = copy_range(from, to, data, end, where, buffer);
    if (at < end) break;  // cut short meanwhile
  }
  if (::ftruncate(to, st.st_size) < 0) fail("set size", "ftruncate", where.path());
}

void Content::copy_data(int from, int to, const struct stat& st, const Where& where, char* buffer) {
  copy_range(from, to, 0, st.st_size, where, buffer);
}

void Content::overwrite(int from, int to, const struct stat& st, const Where& where, char* buffer) {
  struct stat old;
  if (::fstat(to, &old) < 0) fail("look at copy", "fstat", where.path());
  off_t end = 0;
  if (st.st_size > 0) {
    // A clone replaces what it covers.
    if (clone(from, to, st, where))
      end = st.st_size;
    else
      end = copy_range(from, to, 0, st.st_size, where, buffer);
  }
  if (old.st_size > end && ::ftruncate(to, end) < 0) fail("set size", "ftruncate", where.path());
}

off_t Content::copy_range(int from, int to, off_t at, off_t end, const Where& where, char* buffer) {
  return read_write(from, to, at, end, where, buffer);
}

off_t Content::read_write(int from, int to, off_t at, off_t end, const Where& where, char* buffer) {
  while (at < end) {
    ssize_t got = ::pread(from, buffer, std::min<size_t>(Workers::kBuffer, end - at), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read file", "pread", where.path());
    if (got == 0) break;
    for (ssize_t done = 0; done < got;) {
      ssize_t put = ::pwrite(to, buffer + done, static_cast<size_t>(got - done), at + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail("write file", "pwrite", where.path());
      done += put;
    }
    at += got;
    summary_.copied_bytes += static_cast<uint64_t>(got);
  }
  return at;
}

}  // namespace tsct::copy
