#pragma once
#include <signal.h>
#include <sys/signalfd.h>

#include <initializer_list>
#include <optional>

#include "sys/unique_fd.h"

namespace tsct {

// Signals as readable events; blocked from the construction on. Those that the caller had ignored (nohup(1))
// stay without effect.
class Signals {
 public:
  explicit Signals(std::initializer_list<int> numbers);
  int fd() const { return fd_.get(); }
  std::optional<signalfd_siginfo> next();

 private:
  UniqueFd fd_;
};

}  // namespace tsct
