#include "exec/failure.h"

#include <cstring>

namespace tsct {

std::string reason_of(const SysError& error) {
  std::string text = "cannot " + error.step;
  if (!error.target.empty()) text += " " + error.target;
  std::string why = error.err ? strerror(error.err) : "";
  if (!error.call.empty()) why = error.call + ": " + why;
  if (!error.detail.empty()) why += (why.empty() ? "" : ", ") + error.detail;
  return why.empty() ? text : text + ": " + why;
}

}  // namespace tsct
