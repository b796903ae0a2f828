// tree or file -> pax stream (POSIX.1-2001 interchange format; attributes and ACLs as star and libarchive put
// them: SCHILY.xattr.*, SCHILY.acl.*). Names go in as they are, of no charset.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include "archive/jobs.h"
#include "archive/walk.h"
#include "archive/xattrs.h"

namespace tsct::archive {

namespace {

using Writer = std::unique_ptr<::archive, decltype(&archive_write_free)>;
using RawEntry = std::unique_ptr<::archive_entry, decltype(&archive_entry_free)>;

class Packer {
 public:
  Packer(const PackJob& job, Report& report) : job_(job), report_(report), buffer_(256 << 10) {
    ::archive* a = writer_.get();
    archive_write_set_format_pax(a);
    archive_write_set_format_option(a, "pax", "hdrcharset", "BINARY");
    archive_write_set_bytes_per_block(a, 64 << 10);
    verify(archive_write_open_fd(a, job.output_fd), "");
  }

  void run() {
    auto parent = std::make_shared<UniqueFd>(::fcntl(job_.parent_fd, F_DUPFD_CLOEXEC, 3));
    Found top = look(parent, job_.name, "");
    if (top.entry.is(S_IFDIR)) {
      UniqueFd root = open_found(top);
      walk(root.get(), report_, [this](const Found& found) { put(found); });
    } else {
      put(top);
    }
    verify(archive_write_close(writer_.get()), "");
  }

 private:
  void verify(int code, const std::string& path) {
    if (code == ARCHIVE_OK) return;
    const char* text = archive_error_string(writer_.get());
    refuse("write archive", path, text ? text : "unknown error", archive_errno(writer_.get()));
  }

  std::string name_of(const std::string& path) const {
    if (path.empty()) return job_.as;
    return job_.as == "." ? "./" + path : job_.as + '/' + path;
  }

  void put(const Found& found) {
    Entry entry = found.entry;
    // tar has no sockets; a listener makes its own again.
    if (entry.is(S_IFSOCK)) return report_.strip("socket");
    report_.count_entry(entry);
    RawEntry raw(archive_entry_new(), archive_entry_free);
    ::archive_entry* e = raw.get();
    archive_entry_set_pathname(e, name_of(entry.path).c_str());
    archive_entry_set_mode(e, entry.mode);
    archive_entry_set_uid(e, entry.uid);
    archive_entry_set_gid(e, entry.gid);
    archive_entry_set_mtime(e, entry.mtime.tv_sec, entry.mtime.tv_nsec);
    if (!entry.hardlink.empty()) {
      archive_entry_set_hardlink(e, name_of(entry.hardlink).c_str());
      archive_entry_unset_size(e);
      return verify(archive_write_header(writer_.get(), e), entry.path);
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
    if (!entry.is(S_IFREG)) return verify(archive_write_header(writer_.get(), e), entry.path);
    archive_entry_set_size(e, entry.size);
    if (found.sparse) add_holes(fd.get(), entry, e);
    verify(archive_write_header(writer_.get(), e), entry.path);
    put_content(fd.get(), entry);
  }

  void add_holes(int fd, const Entry& entry, ::archive_entry* to) {
    for (off_t at = 0; at < entry.size;) {
      off_t data = ::lseek(fd, at, SEEK_DATA);
      if (data < 0 && errno == ENXIO) break;
      check(data, "find data", "lseek", entry.path);
      off_t hole = check(::lseek(fd, data, SEEK_HOLE), "find hole", "lseek", entry.path);
      hole = std::min<off_t>(hole, entry.size);
      if (data >= hole) break;
      archive_entry_sparse_add_entry(to, data, hole - data);
      at = hole;
    }
    // All of it one hole: a list that says so, or it would be written out.
    if (archive_entry_sparse_count(to) == 0) archive_entry_sparse_add_entry(to, entry.size, 0);
  }

  // Always as many bytes as the header says: a file that shrank meanwhile is filled up with zeros, as tar
  // does.
  void put_content(int fd, const Entry& entry) {
    int64_t at = 0;
    while (at < entry.size) {
      size_t want =
          static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(buffer_.size()), entry.size - at));
      ssize_t n = ::pread(fd, buffer_.data(), want, at);
      if (n < 0 && errno == EINTR) continue;
      if (check(n, "read file", "pread", entry.path) == 0) {
        std::fill_n(buffer_.begin(), want, '\0');
        n = static_cast<ssize_t>(want);
      }
      // With a list of holes it takes the bytes of the holes too, and leaves them out itself.
      if (archive_write_data(writer_.get(), buffer_.data(), static_cast<size_t>(n)) < 0)
        verify(ARCHIVE_FATAL, entry.path);
      report_.count_bytes(static_cast<uint64_t>(n));
      at += n;
    }
  }

  const PackJob& job_;
  Report& report_;
  Writer writer_{archive_write_new(), archive_write_free};
  std::vector<char> buffer_;
};

}  // namespace

void pack(const PackJob& job, Report& report) {
  Packer(job, report).run();
}

}  // namespace tsct::archive
