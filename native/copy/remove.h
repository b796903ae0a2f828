#pragma once
#include "copy/place.h"

namespace tsct::copy {

// Removes an object with all that is in it, by this thread alone: for trees that nobody else writes to.
void remove_at(int directory, const Where& where);

}  // namespace tsct::copy
