#include "archive/report.h"

#include <unistd.h>

#include <cstdio>

namespace tsct::archive {

namespace {

constexpr uint64_t kProgressStepBytes = 4 << 20;
// A container has ids 0..65535: anything else shows as nobody inside.
constexpr uid_t kIdsPerContainer = 65536;

// Length of the UTF-8 sequence at the start of `text`, 0 when it is none (RFC 3629).
size_t utf8_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  size_t length = first < 0x80                    ? 1
                  : first >= 0xC2 && first < 0xE0 ? 2
                  : first >= 0xE0 && first < 0xF0 ? 3
                  : first >= 0xF0 && first < 0xF5 ? 4
                                                  : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; i++)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
  if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
  return length;
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    size_t length = utf8_length(text);
    unsigned char c = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out += "\\ufffd";
      length = 1;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c < 0x20 || c == 0x7f) {
      char escape[8];
      snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out + '"';
}

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

void Report::print(const std::string& id) {
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
  fputs(out.c_str(), stdout);
  if (fflush(stdout) != 0) fail("print summary", "write", "stdout");
}

void print_error(const SysError& error) {
  std::string line = "{\"stage\":\"archive\",\"step\":" + json_string(error.step) +
                     ",\"call\":" + json_string(error.call) + ",\"errno\":" + std::to_string(error.err) +
                     ",\"target\":" + json_string(error.target) + ",\"detail\":" + json_string(error.detail) +
                     "}\n";
  fputs(line.c_str(), stderr);
}

}  // namespace tsct::archive
