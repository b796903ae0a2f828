// Elements as this program puts them into the kernel's sets are those that nft(8) puts there for the same
// words.
#include "setup/nft_elements.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

using namespace tsct;

namespace {

const char* const kTables = R"(table bridge t-1 {
  set ports { type ifname; }
  set own_mac { type ifname . ether_addr; }
  set own4 { type ifname . ipv4_addr; }
  set own6 { type ifname . ipv6_addr; }
  set target6 { typeof iifname . @th,64,128; }
}
table inet t-1 {
  map port4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map port6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
}
)";

const char* const kElements[] = {
    "bridge t-1 ports { \"vt01234567\" }",
    "bridge t-1 ports { \"fifteen-bytes-x\" }",
    "bridge t-1 own_mac { \"vt01234567\" . 02:00:5e:0a:fb:01 }",
    "bridge t-1 own4 { \"vt01234567\" . 10.77.0.5 }",
    "bridge t-1 own6 { \"vt01234567\" . fd77::5e:1 }",
    "bridge t-1 target6 { \"vt01234567\" . 0xfd7700000000000000000000005e0001 }",
    "inet t-1 port4 { tcp . 8080 : 10.77.0.5 . 80 }",
    "inet t-1 port4 { udp . 53 : 10.77.0.5 . 65535 }",
    "inet t-1 port6_at { fd77::1 . tcp . 443 : fd77::5e:1 . 8443 }",
};

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  for (size_t n; (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  int status = ::pclose(pipe);
  if (status != 0) out += "(status " + std::to_string(status) + ")";
  return out;
}

std::string nft(const std::string& text) {
  std::string path = "/tmp/tsct-nft-test." + std::to_string(::getpid());
  std::ofstream(path) << text;
  std::string said = output_of("nft -f " + path);
  ::unlink(path.c_str());
  return said;
}

std::string lines(const char* verb) {
  std::string text;
  for (const char* element : kElements) text += std::string(verb) + " element " + element + "\n";
  return text;
}

bool change(const std::string& text) {
  NetfilterSocket netfilter;
  return change_elements(text, netfilter);
}

// What body says, and then the tables as they are.
template <class Fn>
std::string in_own_network(Fn&& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  pid_t pid = ::fork();
  if (pid == 0) {
    std::string out = ::unshare(CLONE_NEWNET) == 0 ? nft(kTables) : "no namespace";
    out += body();
    out += output_of("nft list ruleset");
    ::_exit(::write(ends[1], out.data(), out.size()) < 0);
  }
  ::close(ends[1]);
  std::string out;
  char buffer[4096];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<size_t>(n));
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  return out;
}

}  // namespace

TEST_CASE("elements put by us are those that nft puts for the same words") {
  std::string by_nft = in_own_network([] { return nft(lines("add")); });
  CHECK(by_nft.find("tcp . 8080 : 10.77.0.5 . 80") != std::string::npos);
  std::string by_us = in_own_network([] { return std::string(change(lines("add")) ? "" : "refused"); });
  CHECK(by_us == by_nft);
}

TEST_CASE("elements are removed, there or not, and a refusal changes nothing") {
  std::string empty = in_own_network([] { return std::string(); });
  CHECK(empty.find("elements") == std::string::npos);
  CHECK(in_own_network([] {
          bool done = change(lines("add")) && change(lines("add") + lines("delete")) &&
                      change(lines("add") + lines("delete"));
          return std::string(done ? "" : "refused");
        }) == empty);
  CHECK(in_own_network([] {
          bool done = change(lines("add") + "add element inet t-1 gone { tcp }");
          return std::string(done ? "taken" : "");
        }) == empty);
  CHECK(in_own_network([] {
          bool done = change("delete element bridge t-1 ports { \"vt9\" }");
          return std::string(done ? "taken" : "");
        }) == empty);
}

TEST_CASE("words of any other kind are left to nft") {
  CHECK(parse_elements("").value().empty());
  CHECK(parse_elements(lines("add")).value().size() == std::size(kElements));
  for (const char* text :
       {"add rule inet t c accept", "add element ip t s { 1 }", "add element inet t s { a }",
        "add element inet t s { 1, 2 }", "add element inet t s { 1 . }", "add element inet t s { 1 : }",
        "add element inet t s { 99999 }", "add element inet t s { 10.0.0.0/8 }",
        "add element inet t s { 1 2 }", "add element inet t s { 0x123 }", "flush ruleset",
        "add element inet t s { \"sixteen-bytes-xx\" }"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_elements(text));
  }
}
