#pragma once
// Elements of nftables' sets and maps, changed without a process: exec, libraries and the listing of all
// tables make nft(8) take 4 ms of a processor's time, most of what a network costs a start.
#include <optional>
#include <string>
#include <vector>

#include "sys/netlink.h"

namespace tsct {

// One line `add|delete element FAMILY TABLE SET { PART . PART : PART . PART }`, in the kernel's bytes.
struct ElementChange {
  bool add = true;
  int family = 0;
  std::string table, set;
  std::string key, data;  // data: of maps
};

// Empty when any line is of another kind: that is for nft(8). Parts are link names in quotes, MAC and IP
// addresses, `0x` numbers of whole bytes, tcp, udp, and port numbers.
std::optional<std::vector<ElementChange>> parse_elements(const std::string& text);

// Opened by who needs it first: a kernel may have none.
using NetfilterSocket = std::optional<NetlinkSocket>;

// All of them or none, in the caller's network namespace; done when it returns. False when the text is of
// another kind or the kernel does not take it: nft(8) then finds the words.
// To close a socket of NETLINK_NETFILTER waits until the kernel has freed what anybody deleted, an RCU grace
// period and more (nf_tables_api.c, nft_rcv_nl_event()): one that has deleted is best kept until other
// waiting is done.
bool change_elements(const std::string& text, NetfilterSocket& socket);

}  // namespace tsct
