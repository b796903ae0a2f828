// tree -> an export, whose layout import.cc tells.
#include <string>

#include "archive/changes.h"
#include "archive/jobs.h"
#include "archive/sha256.h"
#include "archive/tar_writer.h"
#include "archive/zstd_output.h"

namespace tsct::archive {

void export_tree(const ExportJob& job, Report& report) {
  ZstdOutput out(job.output_fd);
  Sha256 digest;
  uint64_t bytes = 0;
  // Unblocked: what the checksums are about is all through when they are written.
  TarWriter tar(
      [&](const void* data, size_t size) {
        digest.update(data, size);
        bytes += size;
        out.write(data, size);
      },
      0, report);
  tar.put_text(std::string(kManifestName), job.manifest);
  auto name_of = [](const std::string& path) { return path.empty() ? "rootfs" : "rootfs/" + path; };
  if (job.changes_fd < 0) {
    walk(job.from_fd, report, [&](const Found& found) { tar.put(found, name_of); });
  } else {
    auto gone = [&](const std::string& path) { tar.put_whiteout(name_of(path)); };
    auto put = [&](const Found& found) {
      // What had its name before must go, even though it does not come.
      if (found.entry.is(S_IFSOCK)) gone(found.entry.path);
      tar.put(found, name_of);
    };
    walk_changes(job.from_fd, job.changes_fd, put, gone);
  }
  std::string checksums = "{\"format\":1,\"sha256\":\"" + digest.fork().hex() +
                          "\",\"bytes\":" + std::to_string(bytes) +
                          ",\"entries\":" + std::to_string(report.entries()) + "}\n";
  tar.put_text(std::string(kChecksumsName), checksums);
  tar.close();
  out.finish();
}

}  // namespace tsct::archive
