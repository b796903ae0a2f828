#include "copy/listing.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "sys/error.h"

namespace tsct::copy {

Listing list(int directory, const Where& where, char* buffer, size_t size) {
  Listing out;
  if (::lseek(directory, 0, SEEK_SET) < 0) fail("read directory", "lseek", where.path());
  for (;;) {
    long got = ::syscall(SYS_getdents64, directory, buffer, size);
    if (got < 0 && errno != ENOENT) fail("read directory", "getdents64", where.path());
    if (got <= 0) break;  // ENOENT: it was removed after it was opened
    for (long at = 0; at < got;) {
      const auto* one = reinterpret_cast<const dirent64*>(buffer + at);
      at += one->d_reclen;
      if (strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0) continue;
      if (out.text.size() > UINT32_MAX - NAME_MAX - 1)
        refuse("read directory", where.path(), "it holds more names than can be copied", EFBIG);
      out.names.push_back({static_cast<uint32_t>(out.text.size()), one->d_type});
      out.text.append(one->d_name, strlen(one->d_name) + 1);
    }
  }
  const char* text = out.text.data();
  auto less = [text](const Listing::Name& a, const Listing::Name& b) {
    return strcmp(text + a.at, text + b.at) < 0;
  };
  auto same = [text](const Listing::Name& a, const Listing::Name& b) {
    return strcmp(text + a.at, text + b.at) == 0;
  };
  std::sort(out.names.begin(), out.names.end(), less);
  out.names.erase(std::unique(out.names.begin(), out.names.end(), same), out.names.end());
  return out;
}

}  // namespace tsct::copy
