#pragma once
// What the processes that enter tell tsct-exec on the host, over a SOCK_SEQPACKET pair:
//
//   outside (tsct-exec, host)             inside (entrance, then command)
//     fork into the cgroup leaf      ──►  entrance: v1 groups, limits, setns, container's root ids
//                                    ◄──  kForked PID      command is a child of outside (CLONE_PARENT)
//                                         command: session, terminal, ids, keyring, capabilities
//                                    ◄──  kReady + fds     [pty master] or [relay pipes], [listener]
//     listener to the supervisor,
//     window size, raw mode          ──►  go
//                                         seccomp, exec
//                                    ◄──  end of the connection: exec succeeded (close-on-exec)
//                                    ◄──  kFailed CODE REASON, any time
#include <sys/types.h>

#include <array>
#include <optional>
#include <string>

#include "exec/failure.h"
#include "sys/unique_fd.h"

namespace tsct {

// The streams, and what the command stops at: setup/share_filter.h.
constexpr size_t kPassedFdsMax = 4, kListenerFd = 3;

enum class Word : char { kForked = 'P', kReady = 'R', kFailed = 'F' };

struct ChannelMessage {
  Word word;
  int value = 0;  // kForked: pid; kFailed: exit code
  Failure failure;
  std::array<UniqueFd, kPassedFdsMax> fds;
};

struct Channel {
  UniqueFd outside, inside;
};
Channel make_channel();

// Inside. Errors are ignored: outside is gone then, and nobody can be told.
void tell_forked(int channel, pid_t pid);
void tell_failed(int channel, const Failure& failure);
// Says kReady and waits for `go`; false when outside is gone, and with it everybody who wants the command.
bool tell_ready(int channel, const std::array<UniqueFd, kPassedFdsMax>& fds);

// Outside. Nothing at the end of the connection. Throws SysError.
std::optional<ChannelMessage> receive_word(int channel);
void say_go(int channel);

}  // namespace tsct
