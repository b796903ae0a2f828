#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "copy/place.h"

namespace tsct::copy {

// The names in a directory, in byte order, each once (a live directory may tell one twice).
struct Listing {
  struct Name {
    uint32_t at;   // of its zero-terminated text in `text`
    uint8_t type;  // DT_*, DT_UNKNOWN where the file system does not tell
  };
  std::string text;
  std::vector<Name> names;

  const char* name(size_t i) const { return text.data() + names[i].at; }
};

// Reads from the beginning, wherever the descriptor stands. At least 64 KiB of buffer.
Listing list(int directory, const Where& where, char* buffer, size_t size);

}  // namespace tsct::copy
