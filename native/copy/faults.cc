#include "copy/faults.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tsct::copy {

namespace {

constexpr const char* kPoints[] = {
    "copy.half",        // the first object is in the copy, others are not
    "copy.live-ready",  // the copy is whole, but of several moments
    "copy.live-final",  // the source is frozen, the last changes are in
    "copy.live-same",   // told so; the copy is not on disk yet
    "remove.half",      // the first object is gone, others are not
    "subvolume.made",   // and nobody was told
};

}  // namespace

void fault(const char* point) {
  static const char* const wanted = ::getenv("TSCT_FAULT");
  if (wanted != nullptr && strcmp(wanted, point) == 0) ::raise(SIGKILL);
}

void print_fault_points() {
  for (const char* point : kPoints) puts(point);
}

}  // namespace tsct::copy
