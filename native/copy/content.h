#pragma once
#include <sys/stat.h>

#include <atomic>

#include "copy/place.h"
#include "copy/summary.h"

namespace tsct::copy {

enum class Reflink { Auto, Always, Never };

// The bytes of files, by the cheapest way that this pair of file systems has: shared blocks (FICLONE), the
// kernel's own copying (copy_file_range), reading and writing. Which ways there are is learnt once for all.
class Content {
 public:
  Content(Reflink reflink, Summary& summary) : reflink_(reflink), summary_(summary) {}

  // Sharing blocks first writes the source's dirty pages to disk: too slow while a container is frozen. Files
  // above this many bytes are cloned all the same.
  void prefer_memory(bool on) { prefer_memory_ = on; }

  // All of `from`, as long as it is in `st`, into the empty file `to`; holes stay holes.
  void copy(int from, int to, const struct stat& st, const Where& where, char* buffer);

  // The same into a file that holds an earlier state. Leaves no hole: not for sparse files.
  void overwrite(int from, int to, const struct stat& st, const Where& where, char* buffer);

  // Has fewer blocks than bytes.
  static bool sparse(const struct stat& st) { return st.st_blocks * 512 < st.st_size; }

 private:
  bool clone(int from, int to, const struct stat& st, const Where& where);
  void copy_data(int from, int to, const struct stat& st, const Where& where, char* buffer);
  off_t copy_range(int from, int to, off_t at, off_t end, const Where& where, char* buffer);
  off_t read_write(int from, int to, off_t at, off_t end, const Where& where, char* buffer);

  const Reflink reflink_;
  Summary& summary_;
  std::atomic<bool> prefer_memory_ = false;
  std::atomic<bool> clones_ = true;
  std::atomic<bool> has_cloned_ = false;
};

}  // namespace tsct::copy
