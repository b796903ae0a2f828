// tree or file -> pax stream.
#include <fcntl.h>

#include "archive/jobs.h"
#include "archive/tar_writer.h"
#include "sys/error.h"

namespace tsct::archive {

namespace {

constexpr int kBlock = 64 << 10;

}  // namespace

void pack(const PackJob& job, Report& report) {
  TarWriter tar([&](const void* data, size_t size) { write_all(job.output_fd, data, size); }, kBlock, report);
  auto name_of = [&](const std::string& path) {
    if (path.empty()) return job.as;
    return job.as == "." ? "./" + path : job.as + '/' + path;
  };
  auto parent = std::make_shared<UniqueFd>(::fcntl(job.parent_fd, F_DUPFD_CLOEXEC, 3));
  Found top = look(parent, job.name, "");
  if (top.entry.is(S_IFDIR) && job.no_tree) refuse("open file", job.name, "it is a directory", EISDIR);
  if (top.entry.is(S_IFDIR)) {
    UniqueFd root = open_found(top);
    walk(root.get(), report, [&](const Found& found) { tar.put(found, name_of); });
  } else {
    tar.put(top, name_of);
  }
  tar.close();
}

}  // namespace tsct::archive
