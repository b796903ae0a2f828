#include "sys/error.h"

namespace tsct {

void fail(std::string_view step, std::string_view call, std::string_view target) {
  throw SysError{"", std::string(step), std::string(call), errno, std::string(target), ""};
}

void refuse(std::string_view step, std::string_view target, std::string_view detail, int err) {
  throw SysError{"", std::string(step), "", err, std::string(target), std::string(detail)};
}

}  // namespace tsct
