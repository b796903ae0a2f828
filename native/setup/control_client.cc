#include "setup/control_client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "sys/error.h"
#include "sys/socket.h"

namespace tsct {
namespace {

constexpr const char* kStep = "ask supervisor";
constexpr time_t kAnswerSeconds = 10;
constexpr size_t kAnswerBytesMax = 65536;

UniqueFd connect_to(const std::string& run_dir) {
  UniqueFd directory(
      check(::open(run_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), kStep, "open", run_dir));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // By the directory's fd: the path of a long key would not fit.
  std::string path = "/proc/self/fd/" + std::to_string(directory.get()) + "/control";
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), kStep, "socket"));
  timeval limit{kAnswerSeconds, 0};
  check(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), kStep, "setsockopt");
  check(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), kStep, "connect",
        run_dir + "/control");
  return fd;
}

// Throws what it could not do.
UniqueFd ask(int connection, const std::string& words, int passed = -1) {
  std::string line = "1 " + words + "\n", answer;
  check(send_message(connection, line.data(), line.size(), &passed, passed >= 0 ? 1 : 0), kStep, "sendmsg");
  UniqueFd fd;
  for (char byte = 0; byte != '\n' && answer.size() < kAnswerBytesMax; answer += byte) {
    int came;
    ssize_t n = check(receive_message(connection, &byte, 1, &came, 1), kStep, "recvmsg", words);
    if (came >= 0) fd.reset(came);
    if (n == 0) refuse(kStep, words, "it closed the connection");
  }
  auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object()) refuse(kStep, words, "what it says is not JSON");
  if (json.value("ok", false)) return fd;
  auto error = json.value("error", nlohmann::json::object());
  int err = error.value("errno", 0);
  std::string detail = error.value("detail", std::string());
  if (err == EPROTO) detail = "it is of an older tsct, which cannot: restart the container";
  refuse(kStep, words, detail, err == EPROTO ? 0 : err);
}

pid_t peer_of(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  check(::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size), kStep, "getsockopt");
  return peer.pid;
}

}  // namespace

RunningInit find_init(const std::string& run_dir) {
  UniqueFd connection = connect_to(run_dir);
  RunningInit init;
  init.pidfd = ask(connection.get(), "enter");
  if (!init.pidfd) refuse(kStep, "enter", "it handed over no process");
  init.supervisor = peer_of(connection.get());
  return init;
}

RunningDevices find_devices(const std::string& run_dir) {
  UniqueFd connection = connect_to(run_dir);
  RunningDevices devices;
  devices.dev = ask(connection.get(), "devices");
  if (!devices.dev) refuse(kStep, "devices", "it handed over no directory");
  devices.supervisor = peer_of(connection.get());
  return devices;
}

void hand_plan(const LaunchPlan& plan, int fd) {
  UniqueFd connection = connect_to(plan.run_dir);
  ask(connection.get(), plan.given_devices.has_optional() ? "plan optional-devices" : "plan", fd);
}

void hand_ports(const std::string& run_dir, int pidfd) {
  UniqueFd connection = connect_to(run_dir);
  ask(connection.get(), "ports", pidfd);
}

void hand_view(const std::string& run_dir, int connection) {
  ask(connect_to(run_dir).get(), "view", connection);
}

}  // namespace tsct
