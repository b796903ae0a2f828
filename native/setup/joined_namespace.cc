// The network namespace of somebody else that a container is to be in. Found anew at each start: the other
// one may have been started again meanwhile.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include <cstring>

#include "setup/network_namespace.h"
#include "sys/error.h"
#include "sys/socket.h"

namespace tsct {
namespace {

constexpr const char* kStep = "join network namespace";
constexpr time_t kAnswerSeconds = 10;

[[noreturn]] void not_running(const std::string& name) {
  refuse(kStep, "of container " + name, "it is not running", ESRCH);
}

// Its supervisor hands out a pidfd of its init with `enter` (src/supervisor/protocol.ts).
UniqueFd init_of(const std::string& name, const std::string& control) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (control.size() >= sizeof address.sun_path) refuse(kStep, control, "the path is too long");
  memcpy(address.sun_path, control.c_str(), control.size() + 1);
  UniqueFd fd(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), kStep, "socket"));
  timeval limit{kAnswerSeconds, 0};
  check(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), kStep, "setsockopt");
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) not_running(name);
  std::string line = "1 enter\n";
  check(send_message(fd.get(), line.data(), line.size()), kStep, "sendmsg", control);
  char answer[4096];
  int passed = -1;
  ssize_t n = receive_message(fd.get(), answer, sizeof answer, &passed, 1);
  UniqueFd pidfd(passed);
  if (n <= 0) refuse(kStep, "of container " + name, "its supervisor does not answer", ETIMEDOUT);
  if (!pidfd) not_running(name);
  return pidfd;
}

UniqueFd open_file(const std::string& path) {
  UniqueFd fd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), kStep, "open", path));
  struct statfs fs {};
  check(::fstatfs(fd.get(), &fs), kStep, "fstatfs", path);
  if (static_cast<unsigned long>(fs.f_type) != NSFS_MAGIC)
    refuse(kStep, path, "it is no namespace: ip netns add makes one", EINVAL);
  return fd;
}

}  // namespace

UniqueFd open_joined_namespace(const JoinedNamespace& joined) {
  using Whose = JoinedNamespace::Whose;
  if (joined.whose == Whose::kContainer) return init_of(joined.name, joined.control);
  if (joined.whose == Whose::kFile) return open_file(joined.path);
  return UniqueFd();
}

}  // namespace tsct
