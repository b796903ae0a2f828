#include "setup/user_namespace.h"

#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <string>

#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {

ActAs::ActAs(uid_t uid, gid_t gid) {
  check(::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP), "act as base id", "prctl", "PR_SET_SECUREBITS");
  check(::setresgid(static_cast<gid_t>(-1), gid, static_cast<gid_t>(-1)), "act as base id", "setresgid");
  check(::setresuid(static_cast<uid_t>(-1), uid, static_cast<uid_t>(-1)), "act as base id", "setresuid");
}

ActAs::~ActAs() {
  if (stay_) return;
  if (::setresuid(static_cast<uid_t>(-1), 0, static_cast<uid_t>(-1)) < 0 ||
      ::setresgid(static_cast<gid_t>(-1), 0, static_cast<gid_t>(-1)) < 0)
    ::abort();  // the real ids are root's: it cannot fail, and going on as the guest's owner would be worse
}

namespace {

std::string map_text(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const auto& m : mappings)
    text += std::to_string(m.container_id) + " " + std::to_string(m.host_id) + " " + std::to_string(m.size) +
            "\n";
  return text;
}

}  // namespace

void write_id_maps(pid_t pid, const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
  std::string dir = "/proc/" + std::to_string(pid);
  write_file(AT_FDCWD, dir + "/uid_map", map_text(uids), "write id map");
  write_file(AT_FDCWD, dir + "/gid_map", map_text(gids), "write id map");
}

UniqueFd open_user_namespace(pid_t pid) {
  std::string path = "/proc/" + std::to_string(pid) + "/ns/user";
  return UniqueFd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open user namespace", "open", path));
}

UniqueFd make_mapping_namespace(const std::vector<IdMapping>& uids, const std::vector<IdMapping>& gids) {
  clone_args args{};
  args.flags = CLONE_NEWUSER;
  args.exit_signal = SIGCHLD;
  pid_t pid = check(clone3(args), "make mapping namespace", "clone3");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  UniqueFd ns;
  try {
    write_id_maps(pid, uids, gids);
    ns = open_user_namespace(pid);
  } catch (...) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw;
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return ns;
}

}  // namespace tsct
