#pragma once
#include <sys/types.h>

#include <list>
#include <optional>
#include <string>

#include "exec/channel.h"
#include "exec/command.h"
#include "exec/flow.h"
#include "exec/leaf.h"
#include "exec/signals.h"
#include "exec/terminal.h"

namespace tsct {

// tsct-exec's own side of one command, on the host: lets it in, moves its bytes, passes signals, waits.
class Session {
 public:
  explicit Session(const CommandPlan& plan);

  // Returns the exit code for the caller. Throws Failure, SysError.
  int run();

 private:
  void let_in();
  void turn();
  void on_channel();
  void on_ready(ChannelMessage& message);
  bool hand_over(UniqueFd& listener);
  void connect_terminal(UniqueFd master);
  void connect_relays(ChannelMessage& message);
  void on_signal(const signalfd_siginfo& signal);
  void on_terminal_signal(int number);
  void forward(const signalfd_siginfo& signal);
  void kill_inside();
  void reap();
  void settle_flows();
  std::string terminal_eof() const;
  bool is_entering() const { return !ready_ || channel_; }
  void stop_while_entering(const Failure& failure);
  void drain_outputs();
  int finish();

  const CommandPlan& plan_;
  Signals signals_;
  CgroupLeaf leaf_;
  RawTerminal terminal_;
  UniqueFd channel_;
  UniqueFd master_;
  std::list<Flow> inputs_, outputs_;  // one of each to and from a pty, else the relays
  pid_t entrance_ = 0, command_ = 0;
  bool ready_ = false;
  std::optional<int> status_;     // of the command, as wait(2) gives it
  std::optional<int> exit_code_;  // decided before the command ended
  std::optional<Failure> failure_;
  int64_t enter_until_ms_ = 0;
};

}  // namespace tsct
