#include "setup/given_link.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "setup/json_reader.h"
#include "setup/link_kinds.h"
#include "setup/network_namespace.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kStep = "keep record of link";
constexpr const char* kBackStep = "give back link";
// What guest root may have set of it, and the host has not.
constexpr unsigned kFlags = IFF_UP | IFF_PROMISC | IFF_ALLMULTI | IFF_NOARP | IFF_DEBUG;
constexpr useconds_t kWaitUs = 50'000;
constexpr int kWaits = 40;  // 2 s

std::string record_name(const InterfacePlan& plan) {
  return "given-" + plan.name;
}

void write_record(int run_dir, const std::string& name, const Link& was, int index_inside) {
  Json record{{"name", was.name},
              {"kind", was.kind},
              {"alias", was.alias},
              {"mac", was.mac},
              {"permanentMac", was.permanent_mac},
              {"flags", was.flags},
              {"mtu", was.mtu},
              {"queueLength", was.queue_length},
              {"altNames", was.alt_names},
              {"index", index_inside}};
  std::string text = record.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string part = name + ".tmp";
  UniqueFd fd(
      check(::openat(run_dir, part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600),
            kStep, "open", part));
  check(::write(fd.get(), text.data(), text.size()), kStep, "write", part);
  check(::renameat(run_dir, part.c_str(), run_dir, name.c_str()), kStep, "rename", name);
}

// Empty: nothing was given.
std::optional<Link> read_record(int run_dir, const std::string& path) {
  if (run_dir < 0) return {};
  std::string text;
  try {
    text = read_file(run_dir, path, kStep);
  } catch (const SysError& e) {
    if (e.err == ENOENT) return {};
    throw;
  }
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) refuse(kStep, path, "is not JSON");
  JsonReader r(json, path);
  Link was;
  was.name = r.get<std::string>("name");
  was.kind = r.get<std::string>("kind");
  was.alias = r.get<std::string>("alias");
  was.mac = r.get<Mac>("mac");
  was.permanent_mac = r.get<Mac>("permanentMac");
  was.flags = r.get<unsigned>("flags");
  was.mtu = r.get<uint32_t>("mtu");
  was.queue_length = r.get<uint32_t>("queueLength");
  was.alt_names = r.get<std::vector<std::string>>("altNames");
  was.index = r.get<int>("index");
  return was;
}

// Guest root can rename it and take its second name, or make another of the same number: never one that the
// kernel says is another kind of thing.
bool is_it(const Link& link, const Link& was, const std::string& alt_name) {
  if (link.kind != was.kind || link.permanent_mac != was.permanent_mac) return false;
  return link.is_called(alt_name) || (was.index != 0 && link.index == was.index);
}

std::optional<Link> find_inside(NetlinkSocket& inside, const Link& was, const std::string& alt_name) {
  for (Link& link : all_links(inside))
    if (is_it(link, was, alt_name)) return std::move(link);
  return {};
}

// The kernel itself brings hardware back when a namespace ends that guest root has moved it to, by whatever
// name is free.
std::optional<Link> find_outside(NetlinkSocket& host, const Link& was, const std::string& alt_name) {
  for (Link& link : all_links(host)) {
    bool hardware = was.permanent_mac != Mac{} && link.kind == was.kind;
    if (link.kind == was.kind && link.is_called(alt_name)) return std::move(link);
    if (hardware && link.permanent_mac == was.permanent_mac) return std::move(link);
  }
  return {};
}

std::optional<Link> await_outside(NetlinkSocket& host, const Link& was, const std::string& alt_name) {
  for (int i = 0;; i++) {
    std::optional<Link> link = find_outside(host, was, alt_name);
    if (link || was.permanent_mac == Mac{} || i == kWaits) return link;
    ::usleep(kWaitUs);
  }
}

void refuse_if_taken(NetlinkSocket& host, const Link& was, int index) {
  std::optional<Link> holder = find_link(host, was.name);
  if (!holder || holder->index == index) return;
  refuse(kBackStep, was.name, "the name is taken by a " + holder->description(), EEXIST);
}

// Second names come along, and one that the host has would keep it where it is.
void shed_names(NetlinkSocket& socket, const Link& link) {
  NetlinkMessage alias(RTM_SETLINK, 0, link_header(link.index));
  alias.put_text(IFLA_IFALIAS, "");
  std::vector<NetlinkRequest> requests = forget_names_requests(link);
  requests.push_back({std::move(alias), kBackStep, link.name});
  socket.run(requests);
}

void restore(NetlinkSocket& host, const Link& link, const Link& was) {
  ifinfomsg down = link_header(link.index);
  down.ifi_change = kFlags;
  NetlinkMessage name(RTM_SETLINK, 0, down);
  name.put_text(IFLA_IFNAME, was.name).put_text(IFLA_IFALIAS, was.alias);
  ifinfomsg up = link_header(link.index);
  up.ifi_change = kFlags;
  up.ifi_flags = was.flags & kFlags;
  NetlinkMessage rest(RTM_SETLINK, 0, up);
  if (link.mac != was.mac) rest.put(IFLA_ADDRESS, was.mac.data(), was.mac.size());
  rest.put_u32(IFLA_MTU, was.mtu).put_u32(IFLA_TXQLEN, was.queue_length);
  std::vector<NetlinkRequest> requests;
  requests.push_back({std::move(name), kBackStep, was.name});
  requests.push_back({std::move(rest), kBackStep, was.name});
  for (const auto& alt_name : was.alt_names) {
    requests.push_back(name_request(was.name, alt_name));
    requests.back().taken = {EEXIST};
  }
  host.run(requests);
}

}  // namespace

void give_link(NetlinkSocket& host, const InterfacePlan& plan, const GuestPlaces& guest) {
  std::optional<Link> link = find_link(host, plan.link);
  if (!link) refuse("give link", plan.link, "there is no such link", ENODEV);
  std::string record = record_name(plan);
  write_record(guest.run_dir, record, *link, 0);
  NetlinkRequest mark = name_request(link->name, plan.alt_name);
  mark.taken = {EEXIST};  // left by a start that was killed right here
  host.run({std::move(mark)});
  host.run({move_request(*link, plan.name, guest.netns)});
  in_network_namespace(guest.netns, [&] {
    NetlinkSocket inside;
    std::optional<Link> moved = find_link(inside, plan.name);
    if (!moved) refuse("give link", plan.link, "it went away again", ENODEV);
    write_record(guest.run_dir, record, *link, moved->index);
    NetlinkMessage set(RTM_SETLINK, 0, link_header(moved->index));
    if (plan.mtu) set.put_u32(IFLA_MTU, plan.mtu);
    if (plan.queue_length) set.put_u32(IFLA_TXQLEN, *plan.queue_length);
    if (plan.mtu || plan.queue_length) inside.run({{std::move(set), "set up link", plan.name}});
  });
}

void take_link_back(NetlinkSocket& host, const InterfacePlan& plan, const GuestPlaces& guest) {
  std::string record = record_name(plan);
  std::optional<Link> was = read_record(guest.run_dir, record);
  if (!was) return;
  std::optional<Link> found;
  UniqueFd here(check(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), kBackStep, "open", "host"));
  if (guest.netns >= 0)
    in_network_namespace(guest.netns, [&] {
      NetlinkSocket inside;
      found = find_inside(inside, *was, plan.alt_name);
      if (!found) return;
      refuse_if_taken(host, *was, -1);
      shed_names(inside, *found);
      inside.run({move_request(*found, was->name, here.get())});
    });
  std::optional<Link> back = found ? find_link(host, was->name) : await_outside(host, *was, plan.alt_name);
  if (back) {
    refuse_if_taken(host, *was, back->index);
    shed_names(host, *back);
    restore(host, *back, *was);
  }
  ::unlinkat(guest.run_dir, (record + ".tmp").c_str(), 0);
  if (::unlinkat(guest.run_dir, record.c_str(), 0) < 0 && errno != ENOENT) fail(kStep, "unlink", record);
}

}  // namespace tsct
