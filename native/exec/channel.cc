#include "exec/channel.h"

#include <cstring>

#include "sys/error.h"
#include "sys/socket.h"

namespace tsct {

namespace {

constexpr size_t kTextBytesMax = 2000;

// Also the layout on the wire: both ends are this same program.
struct Wire {
  Word word;
  uint8_t fd_mask;  // which of the passed fds are there
  int value;
  char reason[kTextBytesMax];
  char hint[kTextBytesMax];
};

void copy_text(char* to, const std::string& from) {
  snprintf(to, kTextBytesMax, "%s", from.c_str());
}

}  // namespace

Channel make_channel() {
  int pair[2];
  check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "make a channel", "socketpair");
  return {UniqueFd(pair[0]), UniqueFd(pair[1])};
}

void tell_forked(int channel, pid_t pid) {
  Wire wire{};
  wire.word = Word::kForked;
  wire.value = pid;
  send_message(channel, &wire, sizeof wire);
}

void tell_failed(int channel, const Failure& failure) {
  Wire wire{};
  wire.word = Word::kFailed;
  wire.value = failure.exit_code;
  copy_text(wire.reason, failure.reason);
  copy_text(wire.hint, failure.hint);
  send_message(channel, &wire, sizeof wire);
}

bool tell_ready(int channel, const std::array<UniqueFd, kPassedFdsMax>& fds) {
  Wire wire{};
  wire.word = Word::kReady;
  int passed[kPassedFdsMax], count = 0;
  for (size_t i = 0; i < fds.size(); i++) {
    if (!fds[i]) continue;
    wire.fd_mask |= static_cast<uint8_t>(1U << i);
    passed[count++] = fds[i].get();
  }
  if (send_message(channel, &wire, sizeof wire, passed, count) < 0) return false;
  char go;
  int none;
  return receive_message(channel, &go, 1, &none, 0) == 1;
}

std::optional<ChannelMessage> receive_word(int channel) {
  Wire wire;
  int passed[kPassedFdsMax];
  ssize_t n = receive_message(channel, &wire, sizeof wire, passed, kPassedFdsMax);
  if (n == 0 || (n < 0 && errno == ECONNRESET)) return {};
  check(n, "hear from the container's side", "recvmsg");
  ChannelMessage message{wire.word, wire.value, {wire.value, wire.reason, wire.hint}, {}};
  for (size_t i = 0, at = 0; i < message.fds.size(); i++)
    if (wire.fd_mask & (1U << i)) message.fds[i].reset(passed[at++]);
  return message;
}

void say_go(int channel) {
  char go = 1;
  send_message(channel, &go, 1);
}

}  // namespace tsct
