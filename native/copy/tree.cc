// SRC... -> DST, once.
#include <unistd.h>

#include <cstdio>

#include "copy/jobs.h"
#include "copy/mirror.h"
#include "copy/source.h"
#include "sys/error.h"

namespace tsct::copy {

void copy_tree(const std::vector<std::string>& from, const std::string& to, Reflink reflink, bool sync) {
  Summary summary;
  for (const std::string& tree : from) {
    const auto mounts = mounts_below(tree);
    summary.skipped_mounts.insert(summary.skipped_mounts.end(), mounts.begin(), mounts.end());
  }
  UniqueFd target = open_target(to);
  // Before there are threads: they would stay in the host's mount namespace.
  UniqueFd source = from.size() == 1 ? open_source(from[0]) : open_merged(from, to);
  Workers workers(worker_count());
  Mirror mirror(std::move(source), std::move(target), reflink, summary, workers);
  mirror.run({});
  if (sync) check(::syncfs(mirror.to()), "write copy to disk", "syncfs", to);
  printf("{\"format\":1,%s}\n", summary.fields().c_str());
}

}  // namespace tsct::copy
