// tar stream -> tree.
#include <unistd.h>

#include "archive/jobs.h"
#include "archive/put_entry.h"

namespace tsct::archive {

namespace {

class Unpacker {
 public:
  Unpacker(const UnpackJob& job, Report& report)
      : job_(job),
        report_(report),
        writer_(job.into_fd, report, job.privileges),
        tar_(job.input_fd, report) {}

  std::string run() {
    while (tar_.next()) {
      Entry entry = tar_.entry();
      rename(entry.path);
      rename(entry.hardlink);
      put_entry(tar_, writer_, entry, job_.root_entry, report_);
    }
    tar_.drain(false);
    writer_.finish();
    return tar_.id();
  }

 private:
  void rename(std::string& path) const {
    if (job_.rename_top.empty() || path.empty()) return;
    size_t slash = path.find('/');
    path = job_.rename_top + (slash == std::string::npos ? "" : path.substr(slash));
  }

  const UnpackJob& job_;
  Report& report_;
  TreeWriter writer_;
  TarReader tar_;
};

void put_file(TarReader& tar, TreeWriter& writer, const Entry& entry, Report& report) {
  TreeWriter::Place place = writer.place(entry.path);
  UniqueFd fd = writer.create_file(place, entry.path);
  tar.content([&](const void* data, size_t size, int64_t offset) {
    for (size_t done = 0; done < size;) {
      ssize_t n = ::pwrite(fd.get(), static_cast<const char*>(data) + done, size - done,
                           offset + static_cast<int64_t>(done));
      if (n < 0 && errno == EINTR) continue;
      done += static_cast<size_t>(check(n, "write file", "pwrite", entry.path));
    }
    report.count_bytes(size);
  });
  // A hole at the end has no block that would set the size.
  check(::ftruncate(fd.get(), entry.size), "set size", "ftruncate", entry.path);
  writer.finish_file(fd.get(), entry);
}

}  // namespace

void put_entry(TarReader& tar, TreeWriter& writer, const Entry& entry, bool root_entry, Report& report) {
  if (entry.path.empty() && !entry.is(S_IFDIR)) refuse("read entry", tar.name(), "it has no name");
  if (entry.path.empty() && !root_entry) return;
  if (entry.is(S_IFREG) && entry.hardlink.empty())
    put_file(tar, writer, entry, report);
  else
    writer.make(entry);
  report.count_entry(entry);
}

std::string unpack(const UnpackJob& job, Report& report) {
  return Unpacker(job, report).run();
}

}  // namespace tsct::archive
