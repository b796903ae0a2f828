#include "setup/reply_routes.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "setup/links.h"

namespace tsct {
namespace {

constexpr uint32_t kPriority = 32000;  // before that of the main table, 32766

// As the kernel's own: systemd-networkd takes away rules that it has not been told of, other than those.
NetlinkRequest rule_request(uint16_t type, const IpAddress& from, uint32_t table) {
  fib_rule_hdr header{};
  header.family = static_cast<uint8_t>(from.family);
  header.src_len = static_cast<uint8_t>(from.size() * 8);
  header.action = FR_ACT_TO_TBL;
  NetlinkMessage message(type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0, header);
  message.put(FRA_SRC, from.bytes.data(), from.size());
  message.put_u32(FRA_PRIORITY, kPriority).put_u32(FRA_TABLE, table);
  if (type == RTM_NEWRULE) message.put_u8(FRA_PROTOCOL, RTPROT_KERNEL);
  bool made = type == RTM_NEWRULE;
  return {std::move(message), made ? "add rule" : "delete rule",
          "from " + from.text + " lookup " + std::to_string(table),
          made ? std::vector<int>{EEXIST} : std::vector<int>{ENOENT, ESRCH}};
}

bool same(const InterfacePlan& one, const InterfacePlan& other) {
  auto texts = [](const InterfacePlan& plan) {
    std::string out;
    for (const auto& from : plan.replies.from) out += from.text + " ";
    for (const auto& route : plan.replies.routes)
      out += route.to.text + (route.via ? route.via->text : "") + " ";
    return out;
  };
  return texts(one) == texts(other);
}

}  // namespace

std::vector<NetlinkRequest> reply_requests(const InterfacePlan& plan, int index) {
  std::vector<NetlinkRequest> requests;
  for (const auto& route : plan.replies.routes) {
    NetlinkRequest request = route_request(route, index, plan.name);
    request.taken = {EEXIST, ENETDOWN};  // down because the guest wants it so
    requests.push_back(std::move(request));
  }
  for (const auto& from : plan.replies.from)
    requests.push_back(rule_request(RTM_NEWRULE, from, plan.replies.table));
  return requests;
}

std::vector<NetlinkRequest> forget_reply_requests(const InterfacePlan& plan) {
  std::vector<NetlinkRequest> requests;
  for (const auto& from : plan.replies.from)
    requests.push_back(rule_request(RTM_DELRULE, from, plan.replies.table));
  return requests;
}

std::vector<NetlinkRequest> change_reply_requests(const InterfacePlan& from, const InterfacePlan& to,
                                                  int index) {
  if (same(from, to)) return {};
  std::vector<NetlinkRequest> requests = forget_reply_requests(from);
  for (const auto& route : from.replies.routes)
    requests.push_back(delete_route_request(route, index, from.name));
  for (auto& request : reply_requests(to, index)) requests.push_back(std::move(request));
  return requests;
}

}  // namespace tsct
