#include "archive/entry.h"

#include "sys/error.h"

namespace tsct::archive {

std::string normalise(std::string_view name) {
  if (name.starts_with('/')) refuse("read entry", name, "its name is absolute");
  if (name.find('\0') != std::string_view::npos) refuse("read entry", name, "its name holds a zero byte");
  std::string out;
  for (size_t at = 0; at <= name.size();) {
    size_t end = name.find('/', at);
    if (end == std::string_view::npos) end = name.size();
    std::string_view part = name.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") refuse("read entry", name, "its name leads out of the tree");
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

}  // namespace tsct::archive
