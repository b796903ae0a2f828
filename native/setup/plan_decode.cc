#include <sys/resource.h>

#include <algorithm>

#include "setup/capabilities.h"
#include "setup/json_reader.h"
#include "setup/limits.h"
#include "setup/plan.h"

namespace tsct {
namespace {

using Strings = std::vector<std::string>;

std::vector<IdMapping> decode_mappings(JsonReader& linux, const char* key) {
  std::vector<IdMapping> out;
  linux.each(key, [&](JsonReader& r) {
    out.push_back({r.get<uint32_t>("containerID"), r.get<uint32_t>("hostID"), r.get<uint32_t>("size")});
  });
  if (out.empty() || out[0].container_id != 0)
    refuse("decode plan", linux.where(key), "must begin with the container's id 0");
  return out;
}

uint64_t decode_capability_set(JsonReader& r, const char* key) {
  uint64_t set = 0;
  if (!r.has(key)) return set;
  for (const auto& name : r.get<Strings>(key)) set |= 1ull << capability_number(name);
  return set;
}

// RLIMIT_INFINITY of src/plan/oci.ts: the numbers of JavaScript do not reach RLIM_INFINITY.
uint64_t decode_limit(JsonReader& r, const char* key) {
  auto value = r.get<uint64_t>(key);
  return value >= 1ull << 53 ? RLIM_INFINITY : value;
}

void decode_process(JsonReader r, LaunchPlan& p) {
  if (!r.get<bool>("terminal")) refuse("decode plan", r.where("terminal"), "an init system needs a console");
  JsonReader user = r.object("user");
  if (user.get<uint32_t>("uid") != 0 || user.get<uint32_t>("gid") != 0)
    refuse("decode plan", r.where("user"), "init runs as root of its user namespace");
  user.done();
  p.args = r.get<Strings>("args");
  p.env = r.get<Strings>("env");
  p.cwd = r.get<std::string>("cwd");
  JsonReader caps = r.object("capabilities");
  p.capabilities = {decode_capability_set(caps, "bounding"), decode_capability_set(caps, "effective"),
                    decode_capability_set(caps, "permitted"), decode_capability_set(caps, "inheritable"),
                    decode_capability_set(caps, "ambient")};
  caps.done();
  r.each("rlimits", [&](JsonReader& l) {
    Rlimit limit;
    limit.name = l.get<std::string>("type");
    limit.resource = rlimit_number(limit.name);
    limit.soft = decode_limit(l, "soft");
    limit.hard = decode_limit(l, "hard");
    p.rlimits.push_back(limit);
  });
  p.no_new_privileges = r.get<bool>("noNewPrivileges");
  if (r.has("oomScoreAdj")) p.oom_score_adj = r.get<int>("oomScoreAdj");
  r.done();
}

void decode_seccomp(JsonReader r, SeccompPlan& s) {
  s.canonical = r.raw().dump();
  r.word("defaultAction", {"SCMP_ACT_ERRNO"});
  s.default_errno = r.get<int>("defaultErrnoRet");
  s.architectures = r.get<Strings>("architectures");
  r.each("syscalls", [&](JsonReader& c) {
    SeccompRule rule;
    rule.names = c.get<Strings>("names");
    rule.allow = c.word("action", {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"}) == "SCMP_ACT_ALLOW";
    rule.errno_ret = c.get_or<int>("errnoRet", 1);
    if (c.has("args"))
      c.each("args", [&](JsonReader& a) {
        rule.args.push_back({a.get<unsigned>("index"), a.get<uint64_t>("value"),
                             a.get_or<uint64_t>("valueTwo", 0), a.get<std::string>("op")});
      });
    s.rules.push_back(std::move(rule));
  });
  r.done();
}

void decode_resources(JsonReader r, LaunchPlan& p) {
  r.each("devices", [&](JsonReader& d) {
    DeviceRule rule;
    rule.allow = d.get<bool>("allow");
    if (d.has("type")) rule.type = d.word("type", {"a", "b", "c"})[0];
    if (d.has("major")) rule.major = d.get<uint32_t>("major");
    if (d.has("minor")) rule.minor = d.get<uint32_t>("minor");
    rule.access = d.get<std::string>("access");
    p.device_rules.push_back(rule);
  });
  r.done();
}

// Whether the network namespace is one of its own.
bool decode_namespaces(JsonReader& linux) {
  std::set<std::string> types;
  bool own_network = false;
  linux.each("namespaces", [&](JsonReader& n) {
    auto type = n.get<std::string>("type");
    if (type == "network") own_network = !n.has("path");
    types.insert(type);
  });
  types.insert("network");
  if (types != std::set<std::string>{"user", "pid", "mount", "uts", "ipc", "network", "cgroup"})
    refuse("decode plan", linux.where("namespaces"), "must be exactly the seven namespaces, all new");
  return own_network;
}

bool decode_linux(JsonReader r, LaunchPlan& p) {
  bool own_network = decode_namespaces(r);
  p.uid_mappings = decode_mappings(r, "uidMappings");
  p.gid_mappings = decode_mappings(r, "gidMappings");
  r.each("devices", [&](JsonReader& d) {
    p.devices.push_back({d.get<std::string>("path"), d.word("type", {"c", "b"})[0], d.get<uint32_t>("major"),
                         d.get<uint32_t>("minor"), d.get<uint32_t>("fileMode"), d.get<uint32_t>("uid"),
                         d.get<uint32_t>("gid")});
  });
  r.skip("cgroupsPath");  // for runc; tsct.cgroup is what native uses
  decode_resources(r.object("resources"), p);
  if (r.has("sysctl")) p.sysctl = r.get<std::map<std::string, std::string>>("sysctl");
  decode_seccomp(r.object("seccomp"), p.seccomp);
  p.masked_paths = r.get<Strings>("maskedPaths");
  p.readonly_paths = r.get<Strings>("readonlyPaths");
  r.word("rootfsPropagation", {"shared"});
  if (r.has("personality")) {
    JsonReader personality = r.object("personality");
    p.personality_linux32 = personality.word("domain", {"LINUX", "LINUX32"}) == "LINUX32";
    personality.done();
  }
  r.done();
  return own_network;
}

void decode_rootfs(JsonReader r, RootfsPlan& rootfs) {
  rootfs.overlay = r.word("driver", {"overlay", "dir"}) == "overlay";
  rootfs.readonly = r.get<bool>("readonly");
  if (r.has("limit")) {
    JsonReader limit = r.object("limit");
    std::string by = limit.word("by", {"project", "subvolume", "memory"});
    rootfs.limit_by = by == "project"     ? RootfsPlan::LimitBy::kProject
                      : by == "subvolume" ? RootfsPlan::LimitBy::kSubvolume
                                          : RootfsPlan::LimitBy::kMemory;
    rootfs.limit_bytes = limit.get<uint64_t>("bytes");
    limit.done();
  }
  if (rootfs.overlay) {
    rootfs.layers = r.get<Strings>("layers");
    std::string upper = r.has("upper") ? r.word("upper", {"kept", "run", "memory"}) : "kept";
    rootfs.upper = upper == "run"      ? RootfsPlan::Upper::kRun
                   : upper == "memory" ? RootfsPlan::Upper::kMemory
                                       : RootfsPlan::Upper::kKept;
    if (upper != "memory" || r.has("upperDir")) rootfs.upper_dir = r.get<std::string>("upperDir");
    if (r.has("usrOnly")) rootfs.usr_only = r.get<bool>("usrOnly");
    if (upper != "kept" && !rootfs.upper_dir.empty() &&
        rootfs.upper_dir.find("/.store/runs/") == std::string::npos)
      refuse("decode plan", r.where("upperDir"), "is not where layers of runs are");
    if (rootfs.layers.empty()) refuse("decode plan", r.where("layers"), "is empty");
  } else {
    rootfs.path = r.get<std::string>("path");
  }
  r.done();
}

GroupLimit decode_limit(JsonReader& r, const CgroupPlan& c) {
  GroupLimit l;
  l.key = r.get<std::string>("key");
  if (r.has("v1")) l.v1 = r.get<std::string>("v1");
  bool known = l.v1.empty() ||
               std::any_of(c.v1.begin(), c.v1.end(), [&](const CgroupV1& h) { return h.mount == l.v1; });
  if (!known) refuse("decode plan", r.where("v1"), "is not among the hierarchies");
  if (r.has("base")) l.base = r.get<bool>("base");
  l.file = r.get<std::string>("file");
  if (l.file.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.KMGB") != std::string::npos)
    refuse("decode plan", r.where("file"), "\"" + l.file + "\" is not a file of a control group");
  l.value = r.get<std::string>("value");
  if (r.has("device")) l.device = r.get<std::string>("device");
  l.reset = r.get_or("reset", false);
  return l;
}

void decode_cgroup(JsonReader r, CgroupPlan& c) {
  auto driver = r.word("driver", {"systemd", "v2", "hybrid"});
  c.driver = driver == "systemd"  ? CgroupPlan::Driver::kSystemd
             : driver == "hybrid" ? CgroupPlan::Driver::kHybrid
                                  : CgroupPlan::Driver::kV2;
  c.unified_mount = r.get<std::string>("unifiedMount");
  r.each("v1", [&](JsonReader& h) {
    c.v1.push_back({h.get<std::string>("mount"), h.get<Strings>("controllers")});
  });
  c.path = r.get<std::string>("path");
  if (c.path.empty() || c.path[0] != '/' || c.path.find("..") != std::string::npos)
    refuse("decode plan", r.where("path"), "is not a path below the hierarchy's root");
  if (r.has("limits")) r.each("limits", [&](JsonReader& l) { c.limits.push_back(decode_limit(l, c)); });
  if (r.has("slice")) r.skip("slice");  // of the unit that this runs in by now
  if (r.has("sliceLimits")) {
    r.each("sliceLimits", [&](JsonReader& l) {
      c.slice_limits.push_back(decode_limit(l, c));
      c.slice_limits.back().group = l.get<std::string>("group");
      if (!c.path.starts_with(c.slice_limits.back().group + "/"))
        refuse("decode plan", l.where("group"), "is not above the container's");
    });
  }
  r.done();
}

std::string decode_base64(const std::string& in, const std::string& where) {
  static const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char ch : in) {
    if (ch == '=') break;
    size_t v = digits.find(ch);
    if (v == std::string::npos) refuse("decode plan", where, "is not base64");
    bits = bits << 6 | static_cast<uint32_t>(v);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  return out;
}

void decode_run_host(JsonReader r, LaunchPlan& p) {
  JsonReader files = r.object("files");
  for (const auto& [name, unused] : files.raw().items()) {
    JsonReader f = files.object(name.c_str());
    HostFile& file = p.run_host_files[name];
    if (f.has("target"))
      file.target = f.get<std::string>("target");
    else
      file = {"", f.get<std::string>("content"), f.get<uint32_t>("mode")};
    f.done();
  }
  for (const auto& [name, content] : r.get<std::map<std::string, std::string>>("credentials"))
    p.credentials[name] = decode_base64(content, r.where("credentials." + name));
  p.notify_socket = r.get<bool>("notifySocket");
  r.done();
}

FileEdit decode_file_edit(JsonReader& r) {
  FileEdit e;
  auto op = r.get<std::string>("op");
  e.path = r.get<std::string>("path");
  if (op == "write") {
    e.op = FileEdit::Op::kWrite;
    e.content = r.get<std::string>("content");
    e.mode = r.get<uint32_t>("mode");
  } else if (op == "symlink") {
    e.op = FileEdit::Op::kSymlink;
    e.target = r.get<std::string>("target");
  } else if (op == "remove") {
    e.op = FileEdit::Op::kRemove;
  } else {
    refuse("decode plan", r.where("op"), "is unknown");
  }
  auto when = r.get_or<std::string>("when", "");
  using When = FileEdit::When;
  if (when == "exists")
    e.when = When::kExists;
  else if (when == "missing")
    e.when = When::kMissing;
  else if (when == "plain" && e.op == FileEdit::Op::kWrite)
    e.when = When::kPlain;
  else if (when == "target" && e.op == FileEdit::Op::kSymlink)
    e.when = When::kTarget;
  else if (!when.empty())
    refuse("decode plan", r.where("when"), "is unknown");
  return e;
}

void decode_init(JsonReader r, LaunchPlan& p) {
  p.init_candidates = r.get<Strings>("candidates");
  p.halt_signal = r.get_or<int>("haltSignal", 0);
  p.reboot_signal = r.get_or<int>("rebootSignal", 0);
  if (r.has("cpuAffinity")) p.cpu_affinity = r.numbers<unsigned>("cpuAffinity");
  r.done();
}

OomPlan decode_oom(JsonReader r) {
  OomPlan oom;
  oom.policy = r.word("policy", {"kill", "kill-all", "freeze", "restart", "raise"});
  if (r.has("hook")) oom.hook = r.get<std::string>("hook");
  if (oom.policy == "raise") {
    oom.raise_percent = r.get<uint32_t>("raisePercent");
    oom.raise_max_bytes = r.get<uint64_t>("raiseMaxBytes");
  }
  r.done();
  return oom;
}

ViewPlan decode_view(JsonReader r) {
  ViewPlan plan;
  plan.run_dir = r.get<std::string>("runDir");
  plan.mount_point = r.get<std::string>("mountPoint");
  plan.service = r.get<Strings>("service");
  plan.files = r.get<Strings>("files");
  if (plan.service.empty()) refuse("decode plan", r.where("service"), "names no program");
  r.done();
  return plan;
}

void decode_tsct(JsonReader r, JsonReader& top, LaunchPlan& p) {
  int format = r.get<int>("format");
  if (format != kPlanFormat)
    refuse("decode plan", "tsct.format",
           "is " + std::to_string(format) + ", this tsct-setup knows " + std::to_string(kPlanFormat));
  p.name = r.get<std::string>("name");
  p.key = r.get<std::string>("key");
  p.uuid = r.get<std::string>("uuid");
  p.container_dir = r.get<std::string>("containerDir");
  p.run_dir = r.get<std::string>("runDir");
  decode_rootfs(r.object("rootfs"), p.rootfs);
  decode_cgroup(r.object("cgroup"), p.cgroup);
  JsonReader sys = r.object("sys");
  p.sys_skeleton = sys.get<Strings>("skeleton");
  sys.done();
  JsonReader proc = r.object("proc");
  p.boot_id = proc.get<bool>("bootId");
  p.writable_proc_sys = proc.get<Strings>("writableSys");
  proc.done();
  decode_run_host(r.object("runHost"), p);
  p.mounts = decode_mounts(top, r.object("mounts"));
  r.each("files", [&](JsonReader& e) { p.files.push_back(decode_file_edit(e)); });
  JsonReader console = r.object("console");
  p.console_log_bytes_max = console.get<uint64_t>("logBytesMax");
  console.done();
  decode_init(r.object("init"), p);
  JsonReader readiness = r.object("readiness");
  p.readiness_notify = readiness.get<bool>("notify");
  readiness.done();
  JsonReader restart = r.object("restart");
  p.restart = {restart.word("policy", {"no", "always", "on-failure", "on-success", "on-abnormal"}),
               restart.get<uint64_t>("delayMs"), restart.get<uint32_t>("limitBurst"),
               restart.get<uint64_t>("limitIntervalMs")};
  restart.done();
  if (r.has("oom")) p.oom = decode_oom(r.object("oom"));
  p.id_range_locks = r.get<Strings>("idRangeLocks");
  p.seccomp_cache_dir = r.get<std::string>("seccompCacheDir");
  if (r.has("network")) p.network = decode_network(r.object("network"));
  if (r.has("devices")) p.given_devices = decode_given_devices(r.object("devices"));
  if (r.has("journal")) p.journal = decode_journal(r.object("journal"));
  if (r.has("boundUsers"))
    r.each("boundUsers", [&](JsonReader& u) { p.bound_users.push_back(decode_bound_user(u)); });
  if (r.has("view")) p.view = decode_view(r.object("view"));
  r.done();
}

Json parse(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) refuse("decode plan", "plan", "is not JSON");
  return json;
}

}  // namespace

LaunchPlan decode_plan(const std::string& text) {
  Json json = parse(text);
  LaunchPlan p;
  JsonReader top(json, "plan");
  top.get<std::string>("ociVersion");
  decode_process(top.object("process"), p);
  top.skip("root");  // for runc: tsct.rootfs is what native uses
  p.hostname = top.get<std::string>("hostname");
  bool own_network = decode_linux(top.object("linux"), p);
  top.skip("annotations");
  decode_tsct(top.object("tsct"), top, p);
  if (own_network == p.network.joins.has_value())
    refuse("decode plan", "plan.linux.namespaces", "do not say of the network what tsct.network says");
  top.done();
  return p;
}

std::vector<FileEdit> decode_file_edits(const std::string& text) {
  Json json = parse(text);
  Json wrapped{{"edits", json}};
  std::vector<FileEdit> out;
  JsonReader(wrapped, "").each("edits", [&](JsonReader& e) { out.push_back(decode_file_edit(e)); });
  return out;
}

std::vector<GroupLimit> decode_limits(const std::string& text, const CgroupPlan& plan) {
  Json json = parse(text);
  Json wrapped{{"limits", json}};
  std::vector<GroupLimit> out;
  JsonReader(wrapped, "").each("limits", [&](JsonReader& l) { out.push_back(decode_limit(l, plan)); });
  return out;
}

}  // namespace tsct
