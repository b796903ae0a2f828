#include "sys/netlink.h"

#include <sys/socket.h>

#include <cstring>

#include "sys/error.h"

namespace tsct {
namespace {

constexpr size_t kAnswerBytesMax = 64 * 1024;  // rtnetlink fills dumps up to 32 KiB a time

constexpr size_t aligned(size_t size) {
  return (size + NLMSG_ALIGNTO - 1) & ~size_t{NLMSG_ALIGNTO - 1};
}

const char* call_name(uint16_t type) {
  switch (type) {
    case RTM_NEWLINK:
      return "RTM_NEWLINK";
    case RTM_DELLINK:
      return "RTM_DELLINK";
    case RTM_GETLINK:
      return "RTM_GETLINK";
    case RTM_SETLINK:
      return "RTM_SETLINK";
    case RTM_NEWLINKPROP:
      return "RTM_NEWLINKPROP";
    case RTM_NEWADDR:
      return "RTM_NEWADDR";
    case RTM_NEWROUTE:
      return "RTM_NEWROUTE";
    case RTM_NEWQDISC:
      return "RTM_NEWQDISC";
    case RTM_NEWTFILTER:
      return "RTM_NEWTFILTER";
  }
  return "netlink";
}

struct Ack {
  int err = 0;
  std::string words;  // NLMSGERR_ATTR_MSG, since 4.12
};

// `message` begins with its header. With NETLINK_CAP_ACK the request's header alone is quoted.
Ack read_ack(std::string_view message) {
  Ack ack;
  nlmsghdr header;
  nlmsgerr error;
  if (message.size() < sizeof header + sizeof error) return ack;
  memcpy(&header, message.data(), sizeof header);
  memcpy(&error, message.data() + sizeof header, sizeof error);
  ack.err = -error.error;
  if (header.nlmsg_flags & NLM_F_ACK_TLVS)
    for_each_attribute(message.substr(sizeof header + sizeof error), [&](uint16_t type, std::string_view v) {
      if (type == NLMSGERR_ATTR_MSG) ack.words = attribute_text(v);
    });
  return ack;
}

bool takes(const NetlinkRequest& request, int err) {
  for (int each : request.taken)
    if (each == err) return true;
  return err == 0;
}

[[noreturn]] void fail_with(const NetlinkRequest& request, const Ack& ack) {
  throw SysError{"", request.step, call_name(request.message.type()), ack.err, request.target, ack.words};
}

// Calls `each` with every message, its header included.
template <class Fn>
void for_each_message(std::string_view bytes, Fn&& each) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return;
    each(header, bytes.substr(0, header.nlmsg_len));
    bytes.remove_prefix(std::min(aligned(header.nlmsg_len), bytes.size()));
  }
}

}  // namespace

NetlinkMessage::NetlinkMessage(uint16_t type, uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
  append(&header, sizeof header);
}

void NetlinkMessage::append(const void* data, size_t size) {
  bytes_.append(static_cast<const char*>(data), size);
  bytes_.resize(aligned(bytes_.size()));
}

NetlinkMessage& NetlinkMessage::put(uint16_t attribute, const void* data, size_t size) {
  nlattr head{};
  head.nla_len = static_cast<uint16_t>(sizeof head + size);
  head.nla_type = attribute;
  append(&head, sizeof head);
  append(data, size);
  return *this;
}

NetlinkMessage& NetlinkMessage::put_text(uint16_t attribute, const std::string& text) {
  return put(attribute, text.c_str(), text.size() + 1);
}

NetlinkMessage& NetlinkMessage::begin_nest(uint16_t attribute, const void* fixed, size_t size) {
  nests_.push_back(bytes_.size());
  return put(static_cast<uint16_t>(attribute | NLA_F_NESTED), fixed, size);
}

NetlinkMessage& NetlinkMessage::end_nest() {
  auto* head = reinterpret_cast<nlattr*>(bytes_.data() + nests_.back());
  head->nla_len = static_cast<uint16_t>(bytes_.size() - nests_.back());
  nests_.pop_back();
  return *this;
}

uint16_t NetlinkMessage::type() const {
  return reinterpret_cast<const nlmsghdr*>(bytes_.data())->nlmsg_type;
}

std::string NetlinkMessage::finish(uint32_t sequence) const {
  std::string whole = bytes_;
  auto* header = reinterpret_cast<nlmsghdr*>(whole.data());
  header->nlmsg_len = static_cast<uint32_t>(whole.size());
  header->nlmsg_seq = sequence;
  return whole;
}

NetlinkSocket::NetlinkSocket(int protocol)
    : fd_(check(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "open netlink", "socket")),
      buffer_(kAnswerBytesMax, '\0') {
  int on = 1;
  for (int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK})
    check(::setsockopt(fd_.get(), SOL_NETLINK, option, &on, sizeof on), "open netlink", "setsockopt");
  timeval patience{10, 0};  // an answer is there before send(2) returns, but for a kernel that gives none
  check(::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "open netlink",
        "setsockopt");
}

void NetlinkSocket::send(const std::string& bytes, const std::string& step) {
  check(::send(fd_.get(), bytes.data(), bytes.size(), 0), step, "send", "netlink");
}

void NetlinkSocket::receive(const std::string& step) {
  buffer_.resize(kAnswerBytesMax);
  ssize_t n;
  do {
    n = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
  } while (n < 0 && errno == EINTR);
  buffer_.resize(static_cast<size_t>(check(n, step, "recv", "netlink")));
}

std::string NetlinkSocket::batch(const std::vector<NetlinkRequest>& requests) {
  std::string bytes;
  for (const auto& request : requests) {
    std::string message = request.message.finish(++sequence_);
    reinterpret_cast<nlmsghdr*>(message.data())->nlmsg_flags |= NLM_F_ACK;
    bytes += message;
  }
  return bytes;
}

void NetlinkSocket::run(const std::vector<NetlinkRequest>& requests) {
  if (requests.empty()) return;
  uint32_t first = sequence_ + 1;
  run_batch(requests, batch(requests), first);
}

void NetlinkSocket::run(const std::vector<NetlinkRequest>& requests, const NetlinkMessage& begin,
                        const NetlinkMessage& end) {
  if (requests.empty()) return;
  std::string bytes = begin.finish(++sequence_);
  uint32_t first = sequence_ + 1;
  bytes += batch(requests);
  bytes += end.finish(++sequence_);
  run_batch(requests, bytes, first);
}

void NetlinkSocket::run_batch(const std::vector<NetlinkRequest>& requests, const std::string& bytes,
                              uint32_t first) {
  send(bytes, requests[0].step);
  std::vector<Ack> acks(requests.size());
  for (size_t left = requests.size(); left > 0;) {
    receive(requests[0].step);
    for_each_message(buffer_, [&](const nlmsghdr& header, std::string_view message) {
      uint32_t index = header.nlmsg_seq - first;
      if (header.nlmsg_type != NLMSG_ERROR) return;
      Ack ack = read_ack(message);
      if (index < requests.size()) {
        acks[index] = std::move(ack);
        left--;
      } else if (ack.err != 0) {  // the batch as a whole: nothing else will come
        acks[0] = std::move(ack);
        left = 0;
      }
    });
  }
  for (size_t i = 0; i < requests.size(); i++)
    if (!takes(requests[i], acks[i].err)) fail_with(requests[i], acks[i]);
}

void NetlinkSocket::ask(const NetlinkRequest& request, const std::function<void(std::string_view)>& each) {
  std::string message = request.message.finish(++sequence_);
  bool dump = reinterpret_cast<nlmsghdr*>(message.data())->nlmsg_flags & NLM_F_DUMP;
  send(message, request.step);
  for (bool done = false; !done;) {
    receive(request.step);
    for_each_message(buffer_, [&](const nlmsghdr& header, std::string_view answer) {
      if (header.nlmsg_seq != sequence_) return;
      if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
        done = true;
        Ack ack = header.nlmsg_type == NLMSG_ERROR ? read_ack(answer) : Ack{};
        if (!takes(request, ack.err)) fail_with(request, ack);
        return;
      }
      each(answer.substr(sizeof header));
      if (!dump) done = true;
    });
  }
}

void for_each_attribute(std::string_view bytes, const std::function<void(uint16_t, std::string_view)>& each) {
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr head;
    memcpy(&head, bytes.data(), sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > bytes.size()) return;
    each(head.nla_type & NLA_TYPE_MASK, bytes.substr(sizeof head, head.nla_len - sizeof head));
    bytes.remove_prefix(std::min(aligned(head.nla_len), bytes.size()));
  }
}

std::string attribute_text(std::string_view data) {
  return std::string(data.substr(0, data.find('\0')));
}

uint32_t attribute_u32(std::string_view data) {
  uint32_t value = 0;
  memcpy(&value, data.data(), std::min(data.size(), sizeof value));
  return value;
}

}  // namespace tsct
