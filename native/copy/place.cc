#include "copy/place.h"

#include <fcntl.h>

#include "sys/error.h"

namespace tsct::copy {

UniqueFd open_place(int root, const PlacePtr& place) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd up = place->parent ? open_place(root, place->parent) : UniqueFd();
  UniqueFd fd(::openat(up ? up.get() : root, place->parent ? place->name.c_str() : ".", kFlags));
  if (!fd) fail("open copy", "openat", place->path());
  return fd;
}

}  // namespace tsct::copy
