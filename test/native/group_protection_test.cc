// What is kept for groups, shared out to those above: on plain directories, which is all that it needs.
#include "setup/group_protection.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "sys/error.h"

namespace fs = std::filesystem;

namespace {

struct Tree {
  fs::path mount, slice, group;

  Tree() {
    char dir[] = "/var/tmp/tsct-groups-XXXXXX";
    mount = ::mkdtemp(dir);
    slice = mount / "tsct";
    group = slice / "web";
    fs::create_directories(group);
    for (const auto& at : {slice, group})
      for (const char* file : {"memory.min", "memory.low"}) std::ofstream(at / file) << "0\n";
    std::ofstream(group / "memory.min") << "4096\n";
  }
  ~Tree() { fs::remove_all(mount); }
};

}  // namespace

TEST_CASE("the group above gets what those in it are promised") {
  Tree tree;
  tsct::share_protection(tree.mount, tree.group);
  std::string kept;
  std::ifstream(tree.slice / "memory.min") >> kept;
  CHECK(kept == "4096");
}

TEST_CASE("a group above that cannot have as much is told of") {
  Tree tree;
  fs::remove(tree.slice / "memory.min");
  fs::create_symlink("/sys/class/net/lo/carrier_changes", tree.slice / "memory.min");  // 0, for ever
  try {
    tsct::share_protection(tree.mount, tree.group);
    FAIL("it was not told");
  } catch (const tsct::SysError& e) {
    CHECK(e.step == "set group limit");
    CHECK(e.target == (tree.slice / "memory.min").string());
    CHECK(e.err != 0);
  }
}
