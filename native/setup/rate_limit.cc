#include "setup/rate_limit.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <netinet/in.h>

#include "setup/links.h"
#include "sys/error.h"

namespace tsct {
namespace {

constexpr const char* kStep = "limit rate of link";
constexpr uint32_t kIngressHandle = 0xffff0000;  // TC_H_INGRESS' only child

tcmsg qdisc_header(int index, uint32_t parent, uint32_t handle, uint32_t info = 0) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = index;
  header.tcm_parent = parent;
  header.tcm_handle = handle;
  header.tcm_info = info;
  return header;
}

NetlinkRequest new_ifb_request(const std::string& name, const Mac& mac) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_header());
  message.put_text(IFLA_IFNAME, name).put(IFLA_ADDRESS, mac.data(), mac.size());
  message.begin_nest(IFLA_LINKINFO).put_text(IFLA_INFO_KIND, "ifb").end_nest();
  return {std::move(message), "limit rate of link", name + " with ifb"};
}

std::vector<NetlinkRequest> ifb_requests(const std::string& name, const std::string& alt_name) {
  std::vector<NetlinkRequest> requests;
  requests.push_back(name_request(name, alt_name));
  NetlinkMessage set(RTM_SETLINK, 0, up_header());
  set.put_text(IFLA_IFNAME, name).put_text(IFLA_IFALIAS, alt_name);
  put_no_own_address(set);
  requests.push_back({std::move(set), "limit rate of link", name + " with ifb"});
  return requests;
}

// A bucket of tokens (tc-tbf(8)) on what the link sends. No tables of times: the kernel computes since 3.x.
NetlinkRequest bucket_request(const RateLimit& limit, int index, const std::string& name) {
  NetlinkMessage message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, qdisc_header(index, TC_H_ROOT, 1u << 16));
  tc_tbf_qopt options{};
  options.rate.linklayer = TC_LINKLAYER_ETHERNET;
  options.rate.rate = limit.rate_bytes > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(limit.rate_bytes);
  options.limit = limit.queue_bytes;
  message.put_text(TCA_KIND, "tbf").begin_nest(TCA_OPTIONS);
  message.put(TCA_TBF_PARMS, &options, sizeof options).put_u32(TCA_TBF_BURST, limit.burst_bytes);
  if (limit.rate_bytes > UINT32_MAX) message.put(TCA_TBF_RATE64, &limit.rate_bytes, sizeof limit.rate_bytes);
  message.end_nest();
  return {std::move(message), kStep, name + " with tbf"};
}

// What comes out of `from` passes `to` before anything else sees it.
std::vector<NetlinkRequest> redirect_requests(const Link& from, const Link& to) {
  NetlinkMessage queue(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL,
                       qdisc_header(from.index, TC_H_INGRESS, kIngressHandle));
  queue.put_text(TCA_KIND, "ingress");

  NetlinkMessage filter(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
                        qdisc_header(from.index, kIngressHandle, 0, 1u << 16 | htons(ETH_P_ALL)));
  tc_u32_sel selector{};
  selector.flags = TC_U32_TERMINAL;
  selector.nkeys = 1;
  tc_u32_key no_bit{};  // follows it: every packet
  std::string everything(reinterpret_cast<const char*>(&selector), sizeof selector);
  everything.append(reinterpret_cast<const char*>(&no_bit), sizeof no_bit);
  tc_mirred redirect{};
  redirect.action = TC_ACT_STOLEN;
  redirect.eaction = TCA_EGRESS_REDIR;
  redirect.ifindex = static_cast<uint32_t>(to.index);
  filter.put_text(TCA_KIND, "u32").begin_nest(TCA_OPTIONS);
  filter.put(TCA_U32_SEL, everything.data(), everything.size());
  filter.begin_nest(TCA_U32_ACT).begin_nest(1);
  filter.put_text(TCA_ACT_KIND, "mirred").begin_nest(TCA_ACT_OPTIONS);
  filter.put(TCA_MIRRED_PARMS, &redirect, sizeof redirect);
  filter.end_nest().end_nest().end_nest().end_nest();

  std::vector<NetlinkRequest> requests;
  requests.push_back({std::move(queue), kStep, from.name + " with ingress"});
  requests.push_back({std::move(filter), kStep, from.name + " with u32 and mirred"});
  return requests;
}

Link expect_link(NetlinkSocket& netlink, const std::string& name) {
  std::optional<Link> link = find_link(netlink, name);
  if (!link) refuse(kStep, name, "it went away again", ENODEV);
  return *link;
}

// One that was made and not named yet, by a start that was killed, has the address that no other link has.
bool is_ours(const EgressLimit& egress, const InterfacePlan& plan, const Link& link) {
  bool just_made = link.is_nameless() && link.mac == host_mac(plan);
  return link.kind == "ifb" && (just_made || link.is_called(egress.alt_name));
}

void make_rate_link(NetlinkSocket& netlink, const EgressLimit& egress, const InterfacePlan& plan) {
  NetlinkRequest request = new_ifb_request(egress.link, host_mac(plan));
  try {
    netlink.run({request});
  } catch (const SysError& e) {
    if (e.err != EEXIST) throw;
    std::optional<Link> holder = find_link(netlink, egress.link);
    if (holder && !is_ours(egress, plan, *holder))
      refuse("make link", egress.link, "the name is taken by a " + holder->description(), EEXIST);
    remove_rate_link(netlink, plan);
    netlink.run({request});
  }
  netlink.run(ifb_requests(egress.link, egress.alt_name));
}

}  // namespace

void limit_rates(NetlinkSocket& netlink, const InterfacePlan& plan) {
  if (!plan.ingress && !plan.egress) return;
  Link port = expect_link(netlink, plan.host_name);
  if (plan.ingress) netlink.run({bucket_request(*plan.ingress, port.index, plan.host_name)});
  if (!plan.egress) return;
  make_rate_link(netlink, *plan.egress, plan);
  Link rate_link = expect_link(netlink, plan.egress->link);
  netlink.run({bucket_request(plan.egress->limit, rate_link.index, rate_link.name)});
  netlink.run(redirect_requests(port, rate_link));
}

void remove_rate_link(NetlinkSocket& netlink, const InterfacePlan& plan) {
  if (!plan.egress) return;
  std::optional<Link> link = find_link(netlink, plan.egress->link);
  if (link && is_ours(*plan.egress, plan, *link)) netlink.run({delete_request(*link)});
}

}  // namespace tsct
