#include "copy/summary.h"

#include "sys/error_line.h"

namespace tsct::copy {

// A container has ids 0..65535: anything else shows as nobody inside.
constexpr uid_t kIdsPerContainer = 65536;

void Summary::count(const struct stat& st) {
  entries++;
  if (st.st_uid >= kIdsPerContainer || st.st_gid >= kIdsPerContainer) foreign_owners++;
}

std::string Summary::fields() const {
  auto number = [](const char* name, uint64_t value) {
    return std::string("\"") + name + "\":" + std::to_string(value) + ",";
  };
  std::string out = number("entries", entries) + number("copiedBytes", copied_bytes) +
                    number("clonedBytes", cloned_bytes) + number("foreignOwners", foreign_owners) +
                    number("skippedSockets", skipped_sockets) + "\"skippedMounts\":[";
  for (size_t i = 0; i < skipped_mounts.size(); i++)
    out += (i == 0 ? "" : ",") + json_string(skipped_mounts[i]);
  return out + "]";
}

}  // namespace tsct::copy
