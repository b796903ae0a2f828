#pragma once
// netlink(7): messages, sent as one batch, with the kernel's own words for what it refuses.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/unique_fd.h"

namespace tsct {

// One message: header, the fixed part of its type, attributes.
class NetlinkMessage {
 public:
  template <class Fixed>
  NetlinkMessage(uint16_t type, uint16_t flags, const Fixed& fixed) : NetlinkMessage(type, flags) {
    append(&fixed, sizeof fixed);
  }

  NetlinkMessage& put(uint16_t attribute, const void* data, size_t size);
  NetlinkMessage& put_text(uint16_t attribute, const std::string& text);
  NetlinkMessage& put_u32(uint16_t attribute, uint32_t value) { return put(attribute, &value, sizeof value); }
  NetlinkMessage& put_u8(uint16_t attribute, uint8_t value) { return put(attribute, &value, sizeof value); }
  // Attributes put until end_nest() are inside this one; `fixed`, if any, comes before them.
  NetlinkMessage& begin_nest(uint16_t attribute, const void* fixed = nullptr, size_t size = 0);
  NetlinkMessage& end_nest();

  uint16_t type() const;
  // Whole and padded, with this number for its answer to be known by.
  std::string finish(uint32_t sequence) const;

 private:
  NetlinkMessage(uint16_t type, uint16_t flags);
  void append(const void* data, size_t size);

  std::string bytes_;
  std::vector<size_t> nests_;  // where each open one began
};

// What is asked, and what an error of it is told with.
struct NetlinkRequest {
  NetlinkMessage message;
  std::string step, target;
  std::vector<int> taken = {};  // errno that count as done
};

class NetlinkSocket {
 public:
  // Of the network namespace that the caller is in. Throws SysError.
  explicit NetlinkSocket(int protocol = NETLINK_ROUTE);

  // One system call sends all; the kernel carries them out in order, to the end. Throws the first failure.
  void run(const std::vector<NetlinkRequest>& requests);

  // As one transaction between these two marks (NETLINK_NETFILTER): all or nothing.
  void run(const std::vector<NetlinkRequest>& requests, const NetlinkMessage& begin,
           const NetlinkMessage& end);

  // Calls `each` with the fixed part and attributes of every message of the answer. An errno of `taken` is an
  // answer without messages. Throws SysError.
  void ask(const NetlinkRequest& request, const std::function<void(std::string_view)>& each);

 private:
  std::string batch(const std::vector<NetlinkRequest>& requests);
  void run_batch(const std::vector<NetlinkRequest>& requests, const std::string& bytes, uint32_t first);
  void send(const std::string& bytes, const std::string& step);
  void receive(const std::string& step);

  UniqueFd fd_;
  uint32_t sequence_ = 0;
  std::string buffer_;
};

void for_each_attribute(std::string_view attributes,
                        const std::function<void(uint16_t, std::string_view)>& each);

// A text attribute without its NUL.
std::string attribute_text(std::string_view data);
uint32_t attribute_u32(std::string_view data);

}  // namespace tsct
