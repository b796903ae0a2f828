#pragma once
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "archive/entry.h"
#include "sys/error.h"

namespace tsct::archive {

// What came through and what did not; printed as one JSON line on stdout. Workers share it.
class Report {
 public:
  // fd for progress lines, or -1.
  explicit Report(int progress_fd) : progress_fd_(progress_fd) {}

  void count_entry(const Entry& entry);
  void count_bytes(uint64_t bytes);
  // Size of the input, where it is known, and what of it has been read: tells how far the work is.
  void expect_input(uint64_t bytes) { input_total_ = bytes; }
  void count_input(uint64_t bytes) { input_read_ += bytes; }
  // Something left behind on purpose; counted under its name.
  void strip(const std::string& what);
  void skip_mount(const std::string& path);

  uint64_t entries() const { return entries_; }

  // Prints the summary, one line. `id` is "sha256:..." or empty.
  void print(const std::string& id, FILE* to = stdout);

 private:
  void progress();

  const int progress_fd_;
  std::atomic<uint64_t> entries_ = 0, bytes_ = 0, devices_ = 0, foreign_owners_ = 0;
  std::atomic<uint64_t> input_total_ = 0, input_read_ = 0;
  std::atomic<uint64_t> next_progress_ = 0;
  std::mutex mutex_;
  std::map<std::string, uint64_t> stripped_;
  std::vector<std::string> mounts_;
};

}  // namespace tsct::archive
