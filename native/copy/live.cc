// A copy of a tree that a running guest writes to, for which the guest stands still a moment only.
//
//   this program                                   its caller
//   passes over the tree, until little changes
//   {"event":"ready"}                          →
//                                              ←   freezes the guest; `final`
//   one more pass: DST is equal to SRC
//   {"event":"same","copiedBytes":N,"changed":N} → thaws the guest
//   writes DST to disk
//   {"event":"done",...the summary}            →
//
// When stdin ends before `final`, the exit code is 1 and DST is left as it is.
#include <linux/magic.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

#include "copy/faults.h"
#include "copy/jobs.h"
#include "copy/mirror.h"
#include "copy/source.h"
#include "sys/error.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

namespace tsct::copy {

namespace {

constexpr int kPassesMax = 3;
// What a pass may have found changed for the next one to be the last: about as much as changes in the time
// that the pass takes.
constexpr uint64_t kFewObjects = 100;
constexpr uint64_t kFewBytes = 4 << 20;
// Times of files are those of the last tick (current_time() in the kernel): 10 ms at 100 Hz.
constexpr int64_t kTickNs = 20'000'000;
// More than one clock drifts from the other during a pass.
constexpr int64_t kClockStepNs = 10'000'000;

int64_t now(clockid_t clock) {
  timespec t;
  ::clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void tell(const std::string& line) {
  for (size_t done = 0; done < line.size();) {
    ssize_t n = ::write(STDOUT_FILENO, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    done += static_cast<size_t>(check(n, "tell caller", "write", "stdout"));
  }
}

// Whether the caller says so, or is gone.
bool told_final() {
  std::string line;
  for (char c;;) {
    ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (check(n, "wait for caller", "read", "stdin") == 0) return false;
    if (c != '\n') {
      line += c;
      continue;
    }
    if (line == "final") return true;
    refuse("wait for caller", "stdin", "it says something else than final: " + line);
  }
}

// Where writing through a mapping sets the times whenever the page was clean (page_mkwrite in the kernel).
// Not on tmpfs, whose pages are never cleaned; of others nobody here knows.
bool times_tell_all(int fd) {
  struct statfs fs;
  check(::fstatfs(fd, &fs), "look at file system", "fstatfs");
  return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC ||
         fs.f_type == F2FS_SUPER_MAGIC;
}

class LiveCopy {
 public:
  LiveCopy(const std::string& from, const std::string& to, Reflink reflink)
      : workers_(worker_count()), mirror_(open_source(from), open_target(to), reflink, summary_, workers_) {
    summary_.skipped_mounts = mounts_below(from);
    files_unsure_ = !times_tell_all(mirror_.from());
  }

  int run() {
    for (int i = 0; i < kPassesMax; i++) {
      uint64_t copied_before = summary_.copied_bytes;
      pass();
      if (i > 0 && summary_.changed <= kFewObjects && summary_.copied_bytes - copied_before <= kFewBytes)
        break;
    }
    fault("copy.live-ready");
    workers_.hurry(true);
    tell("{\"event\":\"ready\"}\n");
    if (!told_final()) return EXIT_FAILURE;
    uint64_t copied_before = summary_.copied_bytes;
    mirror_.content().prefer_memory(true);
    mirror_.run({.distrust = clock_was_set(), .still = true});
    fault("copy.live-final");
    tell("{\"event\":\"same\",\"copiedBytes\":" + std::to_string(summary_.copied_bytes - copied_before) +
         ",\"changed\":" + std::to_string(summary_.changed) + "}\n");
    workers_.hurry(false);
    fault("copy.live-same");
    check(::syncfs(mirror_.to()), "write copy to disk", "syncfs");
    tell("{\"event\":\"done\",\"format\":1," + summary_.fields() + "}\n");
    return EXIT_SUCCESS;
  }

 private:
  void pass() {
    // Cleans all pages: one that is written through a mapping after this sets a time from `before` on.
    const bool distrust = clock_was_set();
    const int64_t before = now(CLOCK_REALTIME);
    check(::syncfs(mirror_.from()), "clean pages", "syncfs");
    mirror_.run({.unsure_from_ns = before - kTickNs,
                 .files_unsure = files_unsure_,
                 .distrust = distrust,
                 .remember = true});
  }

  // Since this was last asked. After the clock was set back, what was written during a pass looks older than
  // it.
  bool clock_was_set() {
    const int64_t offset = now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC);
    const bool set = offset_ != 0 && std::abs(offset - offset_) > kClockStepNs;
    offset_ = offset;
    return set;
  }

  Summary summary_;
  Workers workers_;
  Mirror mirror_;
  bool files_unsure_ = false;
  int64_t offset_ = 0;
};

}  // namespace

int copy_live(const std::string& from, const std::string& to, Reflink reflink) {
  return LiveCopy(from, to, reflink).run();
}

}  // namespace tsct::copy
