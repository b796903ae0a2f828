#include "archive/report.h"

#include <unistd.h>

#include <cstdio>

#include "sys/error_line.h"

namespace tsct::archive {

namespace {

constexpr uint64_t kProgressStepBytes = 4 << 20;
// A container has ids 0..65535: anything else shows as nobody inside.
constexpr uid_t kIdsPerContainer = 65536;

}  // namespace

void Report::count_entry(const Entry& entry) {
  entries_++;
  if (entry.is(S_IFCHR) || entry.is(S_IFBLK)) devices_++;
  if (entry.uid >= kIdsPerContainer || entry.gid >= kIdsPerContainer) foreign_owners_++;
}

void Report::count_bytes(uint64_t bytes) {
  uint64_t now = bytes_ += bytes;
  if (progress_fd_ >= 0 && now >= next_progress_) {
    next_progress_ = now + kProgressStepBytes;
    progress();
  }
}

void Report::progress() {
  char line[160];
  // `done` is absent when nobody knows how much there is.
  char done[32] = "";
  if (input_total_ > 0)
    snprintf(done, sizeof done, ",\"done\":%.3f",
             static_cast<double>(input_read_) / static_cast<double>(input_total_));
  int n = snprintf(line, sizeof line, "{\"bytes\":%llu,\"entries\":%llu%s}\n",
                   static_cast<unsigned long long>(bytes_), static_cast<unsigned long long>(entries_), done);
  // Nobody reads any more: no reason to fail.
  [[maybe_unused]] ssize_t written = ::write(progress_fd_, line, static_cast<size_t>(n));
}

void Report::strip(const std::string& what) {
  std::lock_guard lock(mutex_);
  stripped_[what]++;
}

void Report::skip_mount(const std::string& path) {
  std::lock_guard lock(mutex_);
  mounts_.push_back(path);
}

void Report::print(const std::string& id, FILE* to) {
  std::string out = "{\"format\":1,\"id\":" + json_string(id) + ",\"entries\":" + std::to_string(entries_) +
                    ",\"bytes\":" + std::to_string(bytes_) + ",\"devices\":" + std::to_string(devices_) +
                    ",\"foreignOwners\":" + std::to_string(foreign_owners_) + ",\"stripped\":[";
  const char* comma = "";
  for (const auto& [name, count] : stripped_) {
    out += comma + ("{\"name\":" + json_string(name)) + ",\"count\":" + std::to_string(count) + "}";
    comma = ",";
  }
  out += "],\"skippedMounts\":[";
  comma = "";
  for (const auto& path : mounts_) {
    out += comma + json_string(path);
    comma = ",";
  }
  out += "]}\n";
  fputs(out.c_str(), to);
  if (fflush(to) != 0) fail("print summary", "write");
}

}  // namespace tsct::archive
