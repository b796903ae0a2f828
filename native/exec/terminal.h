#pragma once
#include <sys/ioctl.h>
#include <termios.h>

namespace tsct {

// The caller's terminal in raw mode, given back as it was on every way out of the scope.
class RawTerminal {
 public:
  // Does nothing for an fd that is no terminal. Throws SysError.
  explicit RawTerminal(int fd);
  ~RawTerminal() { leave(); }
  RawTerminal(const RawTerminal&) = delete;

  void enter();
  void leave();
  bool is_terminal() const { return is_terminal_; }
  const termios& original() const { return original_; }

 private:
  int fd_;
  bool is_terminal_ = false;
  bool is_raw_ = false;
  termios original_{};
};

// Size of whichever standard stream is a terminal; 24 x 80 if none is.
winsize caller_window();

}  // namespace tsct
