#pragma once
// What the keeper of lxcfs says to who is connected to it, and hears (keeper/view.cc).
#include <cstdint>

namespace tsct {

struct ViewWord {
  char state;
  uint8_t deaths;  // of lxcfs, counted round
};

constexpr char kViewStarting = 's', kViewUp = 'u', kViewDown = 'd';

}  // namespace tsct
