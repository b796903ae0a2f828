#include "copy/remove.h"

#include <fcntl.h>
#include <unistd.h>

#include "copy/listing.h"
#include "sys/error.h"
#include "sys/unique_fd.h"

namespace tsct::copy {

void remove_at(int directory, const Where& where) {
  if (::unlinkat(directory, where.name, 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR) fail("remove file", "unlinkat", where.path());
  if (::unlinkat(directory, where.name, AT_REMOVEDIR) == 0) return;
  if (errno != ENOTEMPTY) fail("remove directory", "unlinkat", where.path());
  UniqueFd below(::openat(directory, where.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!below) fail("remove directory", "openat", where.path());
  PlacePtr place = std::make_shared<Place>(where.folder, where.name);
  Listing listing;
  {
    // Not on the stack: this calls itself for each level of a tree that a guest made.
    constexpr size_t kBuffer = 16 << 10;
    auto buffer = std::make_unique<char[]>(kBuffer);
    listing = list(below.get(), {place, "."}, buffer.get(), kBuffer);
  }
  for (size_t i = 0; i < listing.names.size(); i++) remove_at(below.get(), {place, listing.name(i)});
  if (::unlinkat(directory, where.name, AT_REMOVEDIR) < 0) fail("remove directory", "unlinkat", where.path());
}

}  // namespace tsct::copy
