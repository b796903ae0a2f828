#include "exec/terminal.h"

#include <unistd.h>

#include <cerrno>

#include "sys/error.h"

namespace tsct {

namespace {

int set_attributes(int fd, const termios& attributes) {
  int result;
  do {
    result = tcsetattr(fd, TCSADRAIN, &attributes);
  } while (result < 0 && errno == EINTR);  // a background job was stopped by SIGTTOU and is back
  return result;
}

}  // namespace

RawTerminal::RawTerminal(int fd) : fd_(fd), is_terminal_(isatty(fd)) {
  if (is_terminal_) check(tcgetattr(fd_, &original_), "read the mode of", "tcgetattr", "the terminal");
}

void RawTerminal::enter() {
  if (!is_terminal_) return;
  termios raw = original_;
  cfmakeraw(&raw);
  check(set_attributes(fd_, raw), "set the mode of", "tcsetattr", "the terminal");
  is_raw_ = true;
}

void RawTerminal::leave() {
  if (is_raw_) set_attributes(fd_, original_);
  is_raw_ = false;
}

winsize caller_window() {
  for (int stream = 0; stream < 3; stream++) {
    winsize size{};
    if (ioctl(stream, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) return size;
  }
  return {24, 80, 0, 0};
}

}  // namespace tsct
