#include "exec/control.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "exec/failure.h"
#include "exec/options.h"
#include "sys/socket.h"

namespace tsct {

namespace {

constexpr time_t kAnswerSeconds = 10;
constexpr size_t kAnswerBytesMax = 65536;

[[noreturn]] void not_running(const std::string& socket) {
  throw Failure{kExitOwnFailure, "it is not running", "tsct start " + container_name(socket)};
}

[[noreturn]] void no_answer(const char* why) {
  throw Failure{kExitOwnFailure, std::string("its supervisor does not answer: ") + why, ""};
}

}  // namespace

UniqueFd send_request(const std::string& path, const std::string& words, int passed) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) refuse("connect to", path, "the path is too long");
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket", "socket"));
  timeval limit{kAnswerSeconds, 0};
  check(setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "set up socket", "setsockopt");
  check(setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), "set up socket", "setsockopt");
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    // A socket without a listener is what a killed supervisor leaves behind.
    if (errno == ENOENT || errno == ECONNREFUSED) not_running(path);
    fail("connect to", "connect", path);
  }
  std::string line = "1 " + words + "\n";
  check(send_message(fd.get(), line.data(), line.size(), &passed, passed >= 0 ? 1 : 0),
        "ask the supervisor at", "sendmsg", path);
  return fd;
}

ControlAnswer receive_answer(int connection) {
  ControlAnswer answer;
  for (char byte; answer.line.size() < kAnswerBytesMax;) {
    int passed;
    ssize_t n = receive_message(connection, &byte, 1, &passed, 1);
    if (passed >= 0) answer.fd.reset(passed);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) no_answer("no word in 10 seconds");
    if (n < 0) no_answer(strerror(errno));
    if (n == 0) no_answer("it closed the connection");
    if (byte == '\n') return answer;
    answer.line += byte;
  }
  no_answer("the answer is too long");
}

void require_ok(const std::string& line, const std::string& what) {
  auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) no_answer("what it says is not JSON");
  if (json.value("ok", false)) return;
  auto error = json.value("error", nlohmann::json::object());
  SysError said{"",
                error.value("step", what),
                error.value("call", std::string()),
                error.value("errno", 0),
                error.value("target", std::string()),
                error.value("detail", std::string())};
  if (said.err == ESRCH)
    throw Failure{kExitOwnFailure, said.detail.empty() ? "it is not running" : said.detail, ""};
  throw Failure{kExitOwnFailure, reason_of(said), ""};
}

}  // namespace tsct
