#include "setup/nft_rules.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cerrno>
#include <cstring>

#include "sys/netlink.h"

namespace tsct {
namespace {

constexpr const char* kStep = "delete rules of ours";

nfgenmsg header_of(int family, uint16_t resource = 0) {
  nfgenmsg header{};
  header.nfgen_family = static_cast<uint8_t>(family);
  header.version = NFNETLINK_V0;
  header.res_id = htons(resource);
  return header;
}

uint16_t type_of(int message) {
  return static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message);
}

// nft(8) keeps a comment as type 0, length, text with its NUL (libnftnl, udata).
bool is_called(std::string_view user_data, const std::string& comment) {
  return user_data.size() == comment.size() + 3 && user_data[0] == 0 &&
         user_data.substr(2, comment.size()) == comment;
}

struct Rule {
  std::string table, chain, handle, user_data;
};

Rule read_rule(std::string_view answer) {
  Rule rule;
  answer.remove_prefix(std::min(answer.size(), sizeof(nfgenmsg)));
  for_each_attribute(answer, [&](uint16_t type, std::string_view value) {
    if (type == NFTA_RULE_TABLE) rule.table = attribute_text(value);
    if (type == NFTA_RULE_CHAIN) rule.chain = attribute_text(value);
    if (type == NFTA_RULE_HANDLE) rule.handle = value;
    if (type == NFTA_RULE_USERDATA) rule.user_data = value;
  });
  return rule;
}

}  // namespace

void delete_rules_called(const std::string& comment) {
  NetlinkSocket netlink(NETLINK_NETFILTER);
  std::vector<NetlinkRequest> requests;
  for (int family : {NFPROTO_IPV4, NFPROTO_IPV6}) {
    NetlinkRequest list{NetlinkMessage(type_of(NFT_MSG_GETRULE), NLM_F_DUMP, header_of(family)), kStep,
                        comment};
    netlink.ask(list, [&](std::string_view answer) {
      Rule rule = read_rule(answer);
      if (!is_called(rule.user_data, comment)) return;
      NetlinkMessage message(type_of(NFT_MSG_DELRULE), 0, header_of(family));
      message.put_text(NFTA_RULE_TABLE, rule.table).put_text(NFTA_RULE_CHAIN, rule.chain);
      message.put(NFTA_RULE_HANDLE, rule.handle.data(), rule.handle.size());
      // Somebody may be taking them out himself.
      requests.push_back({std::move(message), kStep, rule.table + " " + rule.chain, {ENOENT}});
    });
  }
  netlink.run(requests, NetlinkMessage(NFNL_MSG_BATCH_BEGIN, 0, header_of(0, NFNL_SUBSYS_NFTABLES)),
              NetlinkMessage(NFNL_MSG_BATCH_END, 0, header_of(0, NFNL_SUBSYS_NFTABLES)));
}

}  // namespace tsct
