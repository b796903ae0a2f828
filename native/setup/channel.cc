#include "setup/channel.h"

#include <cerrno>

#include "supervisor/text.h"
#include "sys/socket.h"

namespace tsct {
namespace {

struct Header {
  Step step;
  uint32_t index;
};

}  // namespace

std::string error_fields(const SysError& e) {
  std::string text;
  auto put = [&](const char* key, const std::string& value) {
    text += key;
    text += '=';
    text += value.substr(0, 1024);
    text += '\0';
  };
  put("stage", e.stage);
  put("step", e.step);
  put("call", e.call);
  put("errno", std::to_string(e.err));
  put("target", e.target);
  put("detail", e.detail);
  return text;
}

SysError error_from_fields(const char* text, size_t size) {
  Fields f(text, size);
  return {f.get("stage"),  f.get("step"),  f.get("call"), static_cast<int>(f.number("errno")),
          f.get("target"), f.get("detail")};
}

void Channel::pair(Channel& a, Channel& b) {
  int fds[2];
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), "make channel", "socketpair");
  a.fd_.reset(fds[0]);
  b.fd_.reset(fds[1]);
}

void Channel::send(Step step, uint32_t index, int fd) const {
  Header header{step, index};
  if (send_message(fd_.get(), &header, sizeof header, &fd, fd >= 0 ? 1 : 0) >= 0) return;
  int err = errno;
  // It has ended: its last words, which `receive` throws, say why.
  while ((err == EPIPE || err == ECONNRESET) && !receive().end) {
  }
  errno = err;
  fail("tell the other stage", "sendmsg");
}

void Channel::send_error(const SysError& error) const {
  Header header{Step::kFailed, 0};
  std::string data(reinterpret_cast<const char*>(&header), sizeof header);
  data += error_fields(error);
  send_message(fd_.get(), data.data(), data.size());
}

StepMessage Channel::receive() const {
  char buffer[8192];
  int fd = -1;
  ssize_t n = receive_message(fd_.get(), buffer, sizeof buffer, &fd, 1);
  // It ended with words of ours unread: that is told first, and once; its own last words come after it.
  if (n < 0 && errno == ECONNRESET) n = receive_message(fd_.get(), buffer, sizeof buffer, &fd, 1);
  check(n, "hear the other stage", "recvmsg");
  StepMessage message;
  message.fd.reset(fd);
  if (n < static_cast<ssize_t>(sizeof(Header))) {
    message.end = true;
    return message;
  }
  Header header;
  memcpy(&header, buffer, sizeof header);
  if (header.step == Step::kFailed)
    throw error_from_fields(buffer + sizeof header, static_cast<size_t>(n) - sizeof header);
  message.step = header.step;
  message.index = header.index;
  return message;
}

StepMessage Channel::expect(Step step) const {
  StepMessage message = receive();
  if (message.end)
    refuse("hear the other stage", "step " + std::to_string(static_cast<int>(step)), "it ended");
  if (message.step != step)
    refuse("hear the other stage", "step " + std::to_string(static_cast<int>(step)),
           "it said " + std::to_string(static_cast<int>(message.step)));
  return message;
}

}  // namespace tsct
