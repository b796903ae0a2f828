#include "exec/session.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "exec/control.h"
#include "exec/entrance.h"
#include "exec/failure.h"
#include "sys/error.h"
#include "sys/syscalls.h"

namespace tsct {

namespace {

// The guest's root can hold up an entry (freeze the leaf, hang a FUSE mount at /etc): never for ever.
constexpr int64_t kEnterMs = 30000;

bool has_ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return poll(&p, 1, 0) > 0;
}

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? kExitSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Session::Session(const CommandPlan& plan)
    : plan_(plan),
      signals_(plan.routes.tty
                   ? std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD,
                                                SIGTTIN, SIGWINCH, SIGCONT, SIGTSTP}
                   : std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD,
                                                SIGTTIN}),
      leaf_(plan.target.leaf, plan.target.id_base),
      terminal_(0) {}

int Session::run() {
  let_in();
  while (!status_ && !exit_code_ && !(failure_ && !channel_)) turn();
  return finish();
}

void Session::let_in() {
  Channel channel = make_channel();
  enter_until_ms_ = monotonic_ms() + kEnterMs;
  entrance_ = leaf_.fork_into();
  if (entrance_ == 0) run_entrance(plan_, channel.inside.get());
  channel_ = std::move(channel.outside);
}

void Session::turn() {
  std::vector<pollfd> fds{{signals_.fd(), POLLIN, 0}, {channel_ ? channel_.get() : -1, POLLIN, 0}};
  int64_t timeout = channel_ ? std::max<int64_t>(0, enter_until_ms_ - monotonic_ms()) : -1;
  std::vector<Flow*> flows;
  for (auto* list : {&inputs_, &outputs_})
    for (Flow& flow : *list) {
      flows.push_back(&flow);
      fds.push_back(flow.interest());
      int pause = flow.pause_ms();
      if (pause >= 0 && (timeout < 0 || pause < timeout)) timeout = pause;
    }
  int found = poll(fds.data(), fds.size(), static_cast<int>(timeout));
  if (found < 0 && errno != EINTR) fail("wait", "poll");
  if (channel_ && monotonic_ms() >= enter_until_ms_)
    stop_while_entering(
        {kExitOwnFailure, "nothing could be entered within 30 seconds: something in it holds us up", ""});
  if (fds[1].revents != 0) on_channel();
  for (size_t i = 0; i < flows.size(); i++) flows[i]->advance(fds[2 + i].revents);
  settle_flows();
  if (fds[0].revents != 0)
    while (auto signal = signals_.next()) on_signal(*signal);
}

void Session::on_channel() {
  auto message = receive_word(channel_.get());
  if (!message) {
    channel_.reset();  // exec succeeded, or who was inside has died
    reap();
    if (!ready_ && !failure_) failure_ = {kExitOwnFailure, "what was to enter it was killed", ""};
    return;
  }
  if (message->word == Word::kForked) command_ = message->value;
  if (message->word == Word::kFailed) failure_ = message->failure;
  if (message->word == Word::kReady) on_ready(*message);
}

void Session::on_ready(ChannelMessage& message) {
  ready_ = true;
  if (!hand_over(message.fds[kListenerFd])) return;
  if (plan_.routes.tty)
    connect_terminal(std::move(message.fds[0]));
  else
    connect_relays(message);
  say_go(channel_.get());
}

// Whoever asks what it may use waits for the supervisor: it has to know of the command before that runs.
bool Session::hand_over(UniqueFd& listener) {
  if (!listener) return true;
  try {
    const std::string& socket = plan_.options.socket;
    require_ok(receive_answer(send_request(socket, "share", listener.get()).get()).line, "share");
    listener.reset();
    return true;
  } catch (const Failure& failure) {
    stop_while_entering(failure);
  } catch (const SysError& error) {
    stop_while_entering({kExitOwnFailure, reason_of(error), ""});
  }
  return false;
}

void Session::connect_terminal(UniqueFd master) {
  master_ = std::move(master);
  winsize size = caller_window();
  // Both act on the slave (ioctl_tty(2)): the guest's terminal starts with the user's own keys and size.
  if (terminal_.is_terminal()) tcsetattr(master_.get(), TCSANOW, &terminal_.original());
  ioctl(master_.get(), TIOCSWINSZ, &size);
  auto copy = [&] { return UniqueFd(check(fcntl(master_.get(), F_DUPFD_CLOEXEC, 3), "open pty", "fcntl")); };
  Flow& input = inputs_.emplace_back(own_stream(0), copy());
  if (terminal_.is_terminal())
    input.watch_detach();
  else
    input.say_at_end([this] { return terminal_eof(); });
  outputs_.emplace_back(copy(), own_stream(1)).survive_hangup();
  terminal_.enter();
}

void Session::connect_relays(ChannelMessage& message) {
  for (int stream = 0; stream < 3; stream++) {
    UniqueFd& end = message.fds[static_cast<size_t>(stream)];
    if (!end) continue;
    if (stream != 0) {
      outputs_.emplace_back(std::move(end), own_stream(stream));
      continue;
    }
    fcntl(end.get(), F_SETFL, O_NONBLOCK);
    inputs_.emplace_back(own_stream(stream), std::move(end))
        .survive_hangup();  // EIO: we are a background job
  }
}

void Session::settle_flows() {
  for (Flow& flow : inputs_) {
    if (flow.state() == Flow::State::kOpen) continue;
    if (flow.state() == Flow::State::kDetached) {
      terminal_.leave();
      (void)!::write(2, "detached\n", 9);
      exit_code_ = 0;
    }
    if (plan_.routes.tty && terminal_.is_terminal() && flow.state() == Flow::State::kEnded)
      exit_code_ = kExitSignalBase + SIGHUP;  // the caller's terminal has hung up
    flow.close();
  }
  for (Flow& flow : outputs_) {
    if (flow.state() == Flow::State::kOpen) continue;
    // Whoever reads our stdout has gone: as when a terminal is closed.
    if (plan_.routes.tty && flow.state() == Flow::State::kBroken) exit_code_ = kExitSignalBase + SIGHUP;
    flow.close();
  }
}

// At the end of a piped stdin the command gets what a user would type. Twice: after a line without its end
// the first only hands over that line (termios(3), VEOF).
std::string Session::terminal_eof() const {
  termios mode;
  bool is_line_mode = tcgetattr(master_.get(), &mode) == 0 && (mode.c_lflag & ICANON);
  return is_line_mode ? std::string(2, static_cast<char>(mode.c_cc[VEOF])) : "";
}

void Session::on_signal(const signalfd_siginfo& signal) {
  int number = static_cast<int>(signal.ssi_signo);
  if (number == SIGCHLD) return reap();
  if (number == SIGTTIN) return;
  if (number == SIGWINCH || number == SIGCONT || number == SIGTSTP) return on_terminal_signal(number);
  if (is_entering()) return stop_while_entering({kExitSignalBase + number, "", ""});
  forward(signal);
  // On a terminal nobody types these (it is raw): somebody wants tsct-exec gone. The command also gets
  // SIGHUP, as its terminal closes.
  if (plan_.routes.tty && number != SIGUSR1 && number != SIGUSR2) exit_code_ = kExitSignalBase + number;
}

void Session::on_terminal_signal(int number) {
  if (!ready_) return;
  if (number == SIGTSTP) {
    terminal_.leave();
    raise(SIGSTOP);
  }
  if (number != SIGWINCH) terminal_.enter();  // the shell may have changed it meanwhile
  winsize size = caller_window();
  ioctl(master_.get(), TIOCSWINSZ, &size);
}

// What the keyboard sends (SI_KERNEL) goes to all of the foreground job, and so it does in the container.
void Session::forward(const signalfd_siginfo& signal) {
  if (command_ <= 0 || status_) return;
  bool from_keyboard = signal.ssi_code == SI_KERNEL;
  ::kill(from_keyboard ? -command_ : command_, static_cast<int>(signal.ssi_signo));
}

void Session::kill_inside() {
  for (pid_t pid : {entrance_, command_})
    if (pid > 0) ::kill(pid, SIGKILL);
}

void Session::stop_while_entering(const Failure& failure) {
  kill_inside();
  if (failure.reason.empty())
    exit_code_ = failure.exit_code;
  else
    failure_ = failure;
  channel_.reset();
}

void Session::reap() {
  for (int status;;) {
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return;
    if (pid == entrance_) {
      entrance_ = 0;
      continue;
    }
    status_ = status;
    command_ = 0;
  }
}

// What the command wrote last is in the pty or the pipes still; a terminal that takes no output must not keep
// us for ever.
void Session::drain_outputs() {
  while (signals_.next()) {
  }
  for (Flow& flow : outputs_) flow.drain(signals_.fd());
}

int Session::finish() {
  // SIGCHLD may be seen before what the command said last.
  while (status_ && channel_ && !failure_) on_channel();
  if (status_ && !failure_) drain_outputs();
  terminal_.leave();
  if (is_entering() || failure_) {
    channel_.reset();
    // Nobody wants it any more; waited for, so that the leaf is empty when it is removed.
    kill_inside();
    for (pid_t pid : {entrance_, command_})
      if (pid > 0) waitpid(pid, nullptr, 0);
    if (failure_ && failure_->exit_code == kExitOwnFailure && has_ended(plan_.target.pidfd.get()))
      failure_->reason = "it has just stopped";
  }
  if (failure_) throw *failure_;
  return exit_code_ ? *exit_code_ : exit_code_of(*status_);
}

}  // namespace tsct
