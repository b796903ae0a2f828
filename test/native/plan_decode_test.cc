// The plan decoder over the fixture plans that the TypeScript tests write and check against the OCI schema.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "setup/plan.h"
#include "setup/seccomp.h"
#include "sys/error.h"
#include "sys/file.h"

using namespace tsct;
using Json = nlohmann::json;
using Pointer = Json::json_pointer;

namespace {

std::vector<std::pair<std::string, Json>> fixtures() {
  std::vector<std::pair<std::string, Json>> out;
  for (const auto& entry : std::filesystem::directory_iterator(TSCT_FIXTURES)) {
    if (entry.path().extension() != ".json") continue;
    out.emplace_back(entry.path().filename(), Json::parse(read_file(AT_FDCWD, entry.path(), "test")));
  }
  REQUIRE(out.size() >= 3);
  return out;
}

// What decode_plan says against it, "" if nothing.
std::string objection(const Json& plan) {
  try {
    decode_plan(plan.dump());
    return "";
  } catch (const SysError& e) {
    return e.target + " " + e.detail;
  }
}

// Left to runc, or maps whose keys are free.
bool is_free(const std::string& path) {
  for (const char* prefix : {"/root", "/annotations", "/linux/sysctl", "/tsct/runHost/credentials"}) {
    if (path == prefix || path.starts_with(std::string(prefix) + "/")) return true;
  }
  return path.starts_with("/mounts/") && path.find("Mappings") != std::string::npos;
}

template <class Fn>
void walk(const Json& node, const std::string& path, Fn&& fn) {
  if (is_free(path)) return;
  fn(node, path);
  if (node.is_object()) {
    for (const auto& [key, value] : node.items()) {
      std::string token = key;
      for (size_t at = 0; (at = token.find('/', at)) != std::string::npos; at += 2)
        token.replace(at, 1, "~1");
      walk(value, path + "/" + token, fn);
    }
  } else if (node.is_array() && !node.empty()) {
    walk(node[0], path + "/0", fn);
  }
}

Json& only(std::vector<std::pair<std::string, Json>>& plans, const std::string& name) {
  for (auto& [file, plan] : plans) {
    if (file == name) return plan;
  }
  FAIL("no fixture " << name);
  return plans[0].second;
}

}  // namespace

TEST_CASE("every fixture plan is decoded") {
  for (auto& [file, json] : fixtures()) {
    CAPTURE(file);
    LaunchPlan plan = decode_plan(json.dump());
    CHECK(plan.name == json["tsct"]["name"].get<std::string>());
    CHECK(plan.root_uid() == json["linux"]["uidMappings"][0]["hostID"].get<uint32_t>());
    CHECK(plan.mounts.size() == json["mounts"].size());
    CHECK(plan.device_rules.size() == json["linux"]["resources"]["devices"].size());
    CHECK(plan.seccomp.rules.size() == json["linux"]["seccomp"]["syscalls"].size());
    CHECK(plan.rlimits.size() == json["process"]["rlimits"].size());
    CHECK(plan.capabilities.bounding != 0);
    CHECK(plan.rootfs.overlay == (json["tsct"]["rootfs"]["driver"] == "overlay"));
  }
}

TEST_CASE("the seccomp list of every fixture plan compiles") {
  for (auto& [file, json] : fixtures()) {
    CAPTURE(file);
    CHECK(compile_seccomp(decode_plan(json.dump()).seccomp).size() > 100);
  }
}

TEST_CASE("a key that nothing carries out is refused with its path, in whatever object it is") {
  int tried = 0;
  for (auto& [file, json] : fixtures()) {
    walk(json, "", [&, &plan = json](const Json& node, const std::string& path) {
      // Their keys are names of files and paths of mounts.
      if (!node.is_object() || path == "/tsct/runHost/files" || path == "/tsct/mounts") return;
      CAPTURE(path);
      Json changed = plan;
      changed[Pointer(path)]["unheardOf"] = true;
      CHECK(objection(changed).find("unheardOf") != std::string::npos);
      tried++;
    });
  }
  CHECK(tried > 60);
}

TEST_CASE("a value of another type is refused") {
  int tried = 0;
  for (auto& [file, json] : fixtures()) {
    walk(json, "", [&, &plan = json](const Json& node, const std::string& path) {
      if (path.empty() || path == "/linux/cgroupsPath") return;
      CAPTURE(path);
      Json changed = plan;
      changed[Pointer(path)] = node.is_object() ? Json("x") : Json::object({{"x", 1}});
      CHECK(objection(changed) != "");
      tried++;
    });
  }
  CHECK(tried > 200);
}

TEST_CASE("a number that is negative, broken or too large is refused where it is whole and positive") {
  int tried = 0;
  for (auto& [file, json] : fixtures()) {
    walk(json, "", [&, &plan = json](const Json& node, const std::string& path) {
      if (!node.is_number()) return;
      CAPTURE(path);
      for (const Json& bad : {Json(1.5), Json(true), Json(1e30)}) {
        Json changed = plan;
        changed[Pointer(path)] = bad;
        CHECK(objection(changed) != "");
        tried++;
      }
    });
  }
  CHECK(tried > 60);
  auto plans = fixtures();
  Json plan = only(plans, "debian-dir.json");
  plan["linux"]["uidMappings"][0]["hostID"] = -1;
  CHECK(objection(plan).find("hostID") != std::string::npos);
  plan["linux"]["uidMappings"][0]["hostID"] = 4294967296;
  CHECK(objection(plan).find("hostID") != std::string::npos);
}

TEST_CASE("a word that native does not know is refused") {
  const std::pair<std::string, const char*> kWords[] = {
      {"/process/capabilities/bounding/0", "CAP_UNHEARD"},
      {"/linux/seccomp/defaultAction", "SCMP_ACT_ALLOW"},
      {"/linux/seccomp/syscalls/0/action", "SCMP_ACT_TRACE"},
      {"/linux/rootfsPropagation", "private"},
      {"/linux/namespaces/0/type", "time"},
      {"/linux/resources/devices/0/type", "x"},
      {"/tsct/rootfs/driver", "zfs"},
      {"/tsct/cgroup/driver", "v3"},
      {"/tsct/cgroup/path", "/a/../b"},
      {"/tsct/restart/policy", "sometimes"},
      {"/mounts/0/destination", "proc"}};
  for (auto& [file, json] : fixtures()) {
    for (auto& [path, word] : kWords) {
      CAPTURE(file);
      CAPTURE(path);
      Json changed = json;
      changed[Pointer(path)] = word;
      CHECK(objection(changed) != "");
    }
  }
}

TEST_CASE("a plan of another format, and what is no plan, are refused") {
  auto plans = fixtures();
  Json plan = plans[0].second;
  plan["tsct"]["format"] = kPlanFormat + 1;
  CHECK(objection(plan).find("tsct.format") == 0);
  for (const char* text : {"", "{", "[]", "null", "{}", "\"plan\""}) {
    CAPTURE(text);
    CHECK_THROWS_AS(decode_plan(text), SysError);
  }
}

TEST_CASE("file edits are decoded, and refused with the number of the wrong one") {
  auto edits = decode_file_edits(
      R"([{"op":"write","path":"/a","content":"x","mode":420,"when":"missing"},{"op":"remove","path":"/b"}])");
  REQUIRE(edits.size() == 2);
  CHECK(edits[0].mode == 0644);
  CHECK(edits[0].when == FileEdit::When::kMissing);
  CHECK(edits[1].op == FileEdit::Op::kRemove);
  for (const char* text : {R"([{"op":"chmod","path":"/a"}])", R"([{"op":"remove"}])",
                           R"([{"op":"remove","path":"/a","when":"never"}])"}) {
    CAPTURE(text);
    try {
      decode_file_edits(text);
      FAIL("taken");
    } catch (const SysError& e) {
      CHECK(e.target.find("[0]") != std::string::npos);
    }
  }
}
