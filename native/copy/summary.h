#pragma once
#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace tsct::copy {

// What a copy came to. Workers share it.
struct Summary {
  std::atomic<uint64_t> entries = 0;
  std::atomic<uint64_t> copied_bytes = 0;  // written
  std::atomic<uint64_t> cloned_bytes = 0;  // shared with the source
  std::atomic<uint64_t> foreign_owners = 0;
  std::atomic<uint64_t> skipped_sockets = 0;
  std::atomic<uint64_t> changed = 0;  // objects made, remade or removed since the last reset
  std::vector<std::string> skipped_mounts;

  void count(const struct stat& st);
  // The fields of a JSON object, without its braces.
  std::string fields() const;
};

}  // namespace tsct::copy
