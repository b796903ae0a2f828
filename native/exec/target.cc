#include "exec/target.h"

#include <fcntl.h>
#include <poll.h>

#include <nlohmann/json.hpp>

#include "exec/control.h"
#include "exec/failure.h"
#include "exec/leaf.h"
#include "exec/options.h"
#include "setup/seccomp_file.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {

namespace {

constexpr const char* kStep = "read what PID 1 may do from";

std::string status_field(const std::string& status, const std::string& key) {
  std::string head = "\n" + key + ":";
  size_t at = status.find(head);
  if (at == std::string::npos) refuse(kStep, "/proc/PID/status", "there is no " + key);
  size_t begin = status.find_first_not_of(" \t", at + head.size());
  return status.substr(begin, status.find('\n', begin) - begin);
}

bool has_ended(int pidfd) {
  pollfd p{pidfd, POLLIN, 0};
  return poll(&p, 1, 0) != 0;
}

rlim_t parse_limit(const std::string& text) {
  return text.starts_with("unlimited") ? RLIM_INFINITY : std::stoull(text);
}

// prlimit(2) would want CAP_SYS_RESOURCE over the container's user namespace, which not every host's root
// has; the file is everybody's to read. A line of titles, then one per resource in the order of their
// numbers: 26 columns of name, 20 and a space each for soft and hard (proc(5)).
std::array<rlimit, RLIM_NLIMITS> parse_limits(const std::string& text) {
  std::array<rlimit, RLIM_NLIMITS> limits{};
  size_t at = 0;
  for (rlimit& limit : limits) {
    at = text.find('\n', at);
    if (at == std::string::npos || text.size() - ++at < 68)
      refuse(kStep, "/proc/PID/limits", "it is too short");
    limit = {parse_limit(text.substr(at + 26, 20)), parse_limit(text.substr(at + 47, 20))};
  }
  return limits;
}

// /proc is addressed by number, so the number is checked afterwards: while the pidfd's process lives, its
// number belongs to nobody else.
PidOneTraits read_traits(const Target& target) {
  std::string proc = "/proc/" + std::to_string(target.pid) + "/";
  PidOneTraits traits;
  std::string status = read_file(AT_FDCWD, proc + "status", kStep);
  traits.bounding_set = std::stoull(status_field(status, "CapBnd"), nullptr, 16);
  traits.no_new_privs = status_field(status, "NoNewPrivs") == "1";
  traits.oom_score_adj = read_file(AT_FDCWD, proc + "oom_score_adj", kStep);
  traits.personality = std::stoul(read_file(AT_FDCWD, proc + "personality", kStep), nullptr, 16);
  traits.limits = parse_limits(read_file(AT_FDCWD, proc + "limits", kStep));
  return traits;
}

}  // namespace

Target find_target(const std::string& socket) {
  UniqueFd connection = send_request(socket, "enter");
  ControlAnswer answer = receive_answer(connection.get());
  require_ok(answer.line, "enter");
  Target target;
  target.pidfd = std::move(answer.fd);
  std::string filter;
  bool frozen = false;
  try {
    auto json = nlohmann::json::parse(answer.line);
    target.pid = json.at("pid").get<pid_t>();
    json.at("leaf").get_to(target.leaf);
    json.at("idBase").get_to(target.id_base);
    json.at("v1").get_to(target.v1);
    json.at("seccomp").get_to(filter);
    json.at("frozen").get_to(frozen);
    target.share = json.value("share", false);  // a supervisor of an older tsct knows of none
    json.at("container").get_to(target.container);
  } catch (const nlohmann::json::exception& error) {
    refuse("understand the supervisor", "", error.what());
  }
  if (!target.pidfd) refuse("understand the supervisor", "", "no process handle came with its answer");
  // A command would stop before its first instruction, and whoever waits for it would hang.
  // The kernel is asked too: somebody else may have frozen it.
  frozen = frozen || cgroup_is_frozen(target.leaf.substr(0, target.leaf.rfind('/')));
  if (frozen) throw Failure{kExitOwnFailure, "it is frozen", "tsct thaw " + container_name(socket)};
  if (!filter.empty()) {
    auto program = read_seccomp_file(filter);
    if (!program) refuse("read seccomp filter", filter, "it is missing or damaged");
    target.seccomp = std::move(*program);
  }
  try {
    target.traits = read_traits(target);
  } catch (const SysError&) {
    if (!has_ended(target.pidfd.get())) throw;
  }
  if (has_ended(target.pidfd.get())) throw Failure{kExitOwnFailure, "it has just stopped", ""};
  return target;
}

}  // namespace tsct
