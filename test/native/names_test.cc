// Name tables against the kernel's own headers and the running kernel.
#include <doctest/doctest.h>
#include <linux/capability.h>
#include <sys/capability.h>
#include <sys/resource.h>

#include <set>
#include <string>

#include "setup/capabilities.h"
#include "setup/limits.h"
#include "sys/error.h"

using namespace tsct;

TEST_CASE("capability names are those of libcap, all of them") {
  for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
    char* lower = cap_to_name(cap);
    std::string name = lower;
    cap_free(lower);
    for (char& c : name) c = static_cast<char>(toupper(c));
    CAPTURE(name);
    CHECK(capability_number(name) == cap);
  }
  for (const char* bad : {"", "CAP_", "SYS_ADMIN", "cap_sys_admin", "CAP_SYS_ADMIN ", "CAP_UNHEARD"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(capability_number(bad), SysError);
  }
}

TEST_CASE("known capabilities are those of the running kernel") {
  CHECK(known_capabilities() == (cap_max_bits() == 64 ? ~0ull : (1ull << cap_max_bits()) - 1));
}

TEST_CASE("resource limit names are those of getrlimit(2), all of them") {
  const std::pair<const char*, int> kLimits[] = {
      {"RLIMIT_CPU", RLIMIT_CPU},           {"RLIMIT_FSIZE", RLIMIT_FSIZE},
      {"RLIMIT_DATA", RLIMIT_DATA},         {"RLIMIT_STACK", RLIMIT_STACK},
      {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_RSS", RLIMIT_RSS},
      {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
      {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},   {"RLIMIT_AS", RLIMIT_AS},
      {"RLIMIT_LOCKS", RLIMIT_LOCKS},       {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
      {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
      {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},     {"RLIMIT_RTTIME", RLIMIT_RTTIME}};
  std::set<int> numbers;
  for (auto& [name, number] : kLimits) {
    CAPTURE(name);
    CHECK(rlimit_number(name) == number);
    numbers.insert(number);
  }
  CHECK(numbers.size() == RLIM_NLIMITS);
  CHECK_THROWS_AS(rlimit_number("RLIMIT_UNHEARD"), SysError);
  CHECK_THROWS_AS(rlimit_number("NOFILE"), SysError);
}

TEST_CASE("a hard limit above fs.nr_open is cut to it or below, and named") {
  std::vector<Rlimit> limits = {{RLIMIT_NOFILE, "RLIMIT_NOFILE", RLIM_INFINITY, RLIM_INFINITY}};
  auto clamped = raise_hard_limits(limits);
  REQUIRE(clamped.size() == 1);
  CHECK(clamped[0] == "RLIMIT_NOFILE");
  CHECK(limits[0].soft == limits[0].hard);
  rlimit now;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &now) == 0);
  CHECK(now.rlim_max == limits[0].hard);
  CHECK_NOTHROW(apply_rlimits(limits));
}

TEST_CASE("a soft limit above the hard one is refused") {
  std::vector<Rlimit> limits = {{RLIMIT_CORE, "RLIMIT_CORE", 2, 1}};
  CHECK_THROWS_AS(raise_hard_limits(limits), SysError);
}
