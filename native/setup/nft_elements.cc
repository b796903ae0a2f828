#include "setup/nft_elements.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstdio>
#include <sstream>

#include "sys/error.h"
#include "sys/netlink.h"

namespace tsct {
namespace {

using Words = std::vector<std::string>;

std::string number_bytes(unsigned value, size_t size) {
  std::string out;
  for (size_t i = size; i-- > 0;) out += static_cast<char>(value >> i * 8);
  return out;
}

bool all_of(const std::string& text, const char* characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string::npos;
}

std::string hex_bytes(const std::string& digits) {
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return out;
}

// One part in the bytes of its type, "" when it is of none that is known here.
std::string part_bytes(const std::string& word) {
  const char* kHex = "0123456789abcdefABCDEF";
  if (word.size() > 2 && word.size() - 2 < IFNAMSIZ && word.front() == '"' && word.back() == '"') {
    std::string name = word.substr(1, word.size() - 2);
    name.resize(IFNAMSIZ);
    return name;
  }
  if (word == "tcp") return number_bytes(IPPROTO_TCP, 1);
  if (word == "udp") return number_bytes(IPPROTO_UDP, 1);
  if (word.size() > 2 && word.starts_with("0x") && word.size() % 2 == 0 && all_of(word.substr(2), kHex))
    return hex_bytes(word.substr(2));
  if (word.size() <= 5 && all_of(word, "0123456789") && std::stoul(word) <= 65535)
    return number_bytes(static_cast<unsigned>(std::stoul(word)), 2);
  unsigned m[6];
  char after;
  if (word.size() == 17 && sscanf(word.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &m[0], &m[1], &m[2], &m[3],
                                  &m[4], &m[5], &after) == 6) {
    std::string mac;
    for (unsigned byte : m) mac += static_cast<char>(byte);
    return mac;
  }
  char address[16];
  if (::inet_pton(AF_INET, word.c_str(), address) == 1) return std::string(address, 4);
  if (::inet_pton(AF_INET6, word.c_str(), address) == 1) return std::string(address, 16);
  return "";
}

// Words `a . b . c` from `at` to `end`. Each part of several begins at a register of 4 bytes.
std::string join_parts(const Words& words, size_t at, size_t end) {
  std::string out;
  bool several = end - at > 1;
  if ((end - at) % 2 == 0) return "";
  for (size_t i = at; i < end; i += 2) {
    if (i > at && words[i - 1] != ".") return "";
    std::string part = part_bytes(words[i]);
    if (part.empty()) return "";
    if (several) part.resize((part.size() + 3) / 4 * 4);
    out += part;
  }
  return out;
}

std::optional<ElementChange> parse_line(const std::string& line) {
  std::istringstream stream(line);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  constexpr size_t kFirst = 6;  // verb, element, family, table, set, brace
  if (words.size() < kFirst + 2 || words[1] != "element" || words[5] != "{" || words.back() != "}") return {};
  ElementChange change;
  if (words[0] != "add" && words[0] != "delete") return {};
  change.add = words[0] == "add";
  change.family = words[2] == "inet" ? NFPROTO_INET : words[2] == "bridge" ? NFPROTO_BRIDGE : 0;
  if (change.family == 0) return {};
  change.table = words[3];
  change.set = words[4];
  size_t end = words.size() - 1, colon = kFirst;
  while (colon < end && words[colon] != ":") colon++;
  change.key = join_parts(words, kFirst, colon);
  if (change.key.empty()) return {};
  if (colon < end) {
    change.data = join_parts(words, colon + 1, end);
    if (change.data.empty()) return {};
  }
  return change;
}

NetlinkRequest element_request(const ElementChange& change) {
  nfgenmsg header{};
  header.nfgen_family = static_cast<uint8_t>(change.family);
  header.version = NFNETLINK_V0;
  int type = change.add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM;
  NetlinkMessage message(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type),
                         change.add ? NLM_F_CREATE : 0, header);
  message.put_text(NFTA_SET_ELEM_LIST_TABLE, change.table).put_text(NFTA_SET_ELEM_LIST_SET, change.set);
  message.begin_nest(NFTA_SET_ELEM_LIST_ELEMENTS).begin_nest(NFTA_LIST_ELEM);
  message.begin_nest(NFTA_SET_ELEM_KEY).put(NFTA_DATA_VALUE, change.key.data(), change.key.size()).end_nest();
  if (!change.data.empty())
    message.begin_nest(NFTA_SET_ELEM_DATA)
        .put(NFTA_DATA_VALUE, change.data.data(), change.data.size())
        .end_nest();
  message.end_nest().end_nest();
  return {std::move(message), "change elements", change.table + " " + change.set};
}

NetlinkMessage batch_mark(uint16_t type) {
  nfgenmsg header{};
  header.version = NFNETLINK_V0;
  header.res_id = htons(NFNL_SUBSYS_NFTABLES);
  return NetlinkMessage(type, 0, header);
}

}  // namespace

std::optional<std::vector<ElementChange>> parse_elements(const std::string& text) {
  std::vector<ElementChange> changes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    std::optional<ElementChange> change = parse_line(line);
    if (!change) return {};
    changes.push_back(std::move(*change));
  }
  return changes;
}

bool change_elements(const std::string& text, NetfilterSocket& socket) {
  std::optional<std::vector<ElementChange>> changes = parse_elements(text);
  // A batch is one datagram: what publishes thousands of ports is for nft(8), which knows how to ask for
  // room.
  constexpr size_t kChangesMax = 200;
  if (!changes || changes->size() > kChangesMax) return false;
  if (changes->empty()) return true;
  std::vector<NetlinkRequest> requests;
  for (const auto& change : *changes) requests.push_back(element_request(change));
  try {
    if (!socket) socket.emplace(NETLINK_NETFILTER);
    socket->run(requests, batch_mark(NFNL_MSG_BATCH_BEGIN), batch_mark(NFNL_MSG_BATCH_END));
  } catch (const SysError&) {
    return false;
  }
  return true;
}

}  // namespace tsct
