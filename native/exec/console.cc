#include "exec/console.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <vector>

#include "exec/control.h"
#include "exec/failure.h"
#include "exec/flow.h"
#include "exec/signals.h"
#include "exec/terminal.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {

namespace {

constexpr size_t kTailBytes = 16384;

// The last bytes of a file; empty when it is not there.
std::string read_tail(const std::string& path, size_t bytes) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return "";
  off_t size = ::lseek(fd.get(), 0, SEEK_END);
  ::lseek(fd.get(), size > static_cast<off_t>(bytes) ? size - static_cast<off_t>(bytes) : 0, SEEK_SET);
  return read_fd(fd.get(), "read console log", path);
}

std::string read_log_tail(const std::vector<std::string>& files) {
  std::string tail;
  for (auto file = files.rbegin(); file != files.rend() && tail.size() < kTailBytes; ++file)
    tail = read_tail(*file, kTailBytes - tail.size()) + tail;
  if (tail.size() < kTailBytes) return tail;
  // Cut in the middle of a line: it begins with the next whole one.
  size_t newline = tail.find('\n');
  return newline == std::string::npos ? tail : tail.substr(newline + 1);
}

void write_all(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    check(n, "write", "write", "the console log");
    at += static_cast<size_t>(n);
  }
}

std::string window_words() {
  winsize size = caller_window();
  return std::to_string(size.ws_row) + " " + std::to_string(size.ws_col);
}

UniqueFd connect_console(const std::string& socket, bool with_size) {
  UniqueFd connection = send_request(socket, with_size ? "console " + window_words() : "console");
  require_ok(receive_answer(connection.get()).line, "join the console");
  timeval no_limit{};
  setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &no_limit, sizeof no_limit);
  fcntl(connection.get(), F_SETFL, O_NONBLOCK);
  return connection;
}

class Console {
 public:
  explicit Console(const ConsoleOptions& options);
  int run();

 private:
  void turn();
  void on_signal(int number);

  const ConsoleOptions& options_;
  Signals signals_;
  RawTerminal terminal_;
  UniqueFd connection_;
  Flow input_, output_;
  std::optional<int> exit_code_;
};

UniqueFd duplicate(const UniqueFd& fd) {
  return UniqueFd(check(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3), "join the console", "fcntl"));
}

Console::Console(const ConsoleOptions& options)
    : options_(options),
      signals_({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTTIN, SIGWINCH, SIGCONT, SIGTSTP}),
      terminal_(0),
      connection_(connect_console(options.socket, terminal_.is_terminal())),
      input_(own_stream(0), duplicate(connection_)),
      output_(duplicate(connection_), own_stream(1)) {
  if (terminal_.is_terminal()) input_.watch_detach();
}

int Console::run() {
  // Connected first: what is printed between the two may be shown twice, but nothing is lost.
  write_all(1, read_log_tail(options_.logs));
  terminal_.enter();
  while (!exit_code_ && output_.state() == Flow::State::kOpen) turn();
  terminal_.leave();
  return exit_code_.value_or(0);
}

void Console::turn() {
  pollfd fds[] = {{signals_.fd(), POLLIN, 0}, input_.interest(), output_.interest()};
  if (poll(fds, 3, -1) < 0 && errno != EINTR) fail("wait", "poll");
  input_.advance(fds[1].revents);
  output_.advance(fds[2].revents);
  if (input_.state() == Flow::State::kDetached) {
    terminal_.leave();
    write_all(2, "detached\n");
    exit_code_ = 0;
  }
  // At the end of a piped stdin the console is still shown; a terminal that hung up shows nothing.
  if (input_.state() == Flow::State::kEnded && terminal_.is_terminal()) exit_code_ = kExitSignalBase + SIGHUP;
  if (fds[0].revents != 0)
    while (auto signal = signals_.next()) on_signal(static_cast<int>(signal->ssi_signo));
}

void Console::on_signal(int number) {
  if (number == SIGTTIN) return;
  if (number == SIGTSTP) {
    terminal_.leave();
    raise(SIGSTOP);
    return;
  }
  if (number == SIGCONT) terminal_.enter();
  if (number != SIGCONT && number != SIGWINCH) {
    exit_code_ = kExitSignalBase + number;
    return;
  }
  if (!terminal_.is_terminal()) return;
  try {
    // Not in band: the console's bytes have no room for anything else.
    receive_answer(send_request(options_.socket, "resize " + window_words()).get());
  } catch (const Failure&) {
    // The supervisor is about to go: the stream's end says so.
  }
}

}  // namespace

int run_console(const ConsoleOptions& options) {
  return Console(options).run();
}

}  // namespace tsct
