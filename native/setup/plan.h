#pragma once
// The launch plan as native sees it: src/plan/launch-plan.ts is the other half, field by field.
// plan_decode.cc refuses what is unknown, so that nothing asked for is silently left out.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "setup/bound_users.h"
#include "setup/given_devices.h"
#include "setup/journal.h"
#include "setup/network_plan.h"
#include "setup/view.h"

namespace tsct {

constexpr int kPlanFormat = 1;

struct IdMapping {
  uint32_t container_id = 0;
  uint32_t host_id = 0;
  uint32_t size = 0;
};

struct Rlimit {
  int resource = 0;
  std::string name;
  uint64_t soft = 0;
  uint64_t hard = 0;
};

struct Capabilities {
  uint64_t bounding = 0, effective = 0, permitted = 0, inheritable = 0, ambient = 0;
};

struct Mount {
  std::string destination, type, source;
  std::vector<std::string> options;
  // From tsct.mounts[destination]:
  bool optional = false;
  bool create = false;
  enum class Idmap { kNone, kContainer, kRoot, kOwner, kGiven } idmap = Idmap::kNone;
  std::vector<IdMapping> uids, gids;  // kGiven: on disk, then on the host
  std::vector<std::string> lowers;    // overlay only, lowest first
  std::optional<std::string> upper;
};

struct DeviceNode {
  std::string path;
  char type = 'c';
  uint32_t major = 0, minor = 0, mode = 0666, uid = 0, gid = 0;
  std::string given = {};  // what the plan calls one of Device=, whose path may not be known before
  bool follows = false;    // a host's device that comes and goes
};

struct DeviceRule {
  bool allow = false;
  char type = 'a';                // a, b or c
  std::optional<uint32_t> major;  // absent: every number
  std::optional<uint32_t> minor;
  std::string access;  // of r, w, m
};

struct SeccompArg {
  unsigned index = 0;
  uint64_t value = 0, value_two = 0;
  std::string op;
};

struct SeccompRule {
  std::vector<std::string> names;
  bool allow = false;
  int errno_ret = 1;  // when not allowed
  std::vector<SeccompArg> args;
};

struct SeccompPlan {
  int default_errno = 38;
  std::vector<std::string> architectures;
  std::vector<SeccompRule> rules;
  std::string canonical;  // the JSON text: what the cache key is made of
};

struct RootfsPlan {
  bool overlay = false;
  std::vector<std::string> layers;  // lowest first
  // What becomes of what is written: kept in upper_dir, there until the run ends, or in memory only.
  enum class Upper { kKept, kRun, kMemory } upper = Upper::kKept;
  std::string upper_dir;  // kMemory: for a kernel whose memory cannot hold it
  bool usr_only = false;  // the root is empty but for /usr, read-only
  std::string path;       // driver dir
  bool readonly = false;
  // How much may be written: enforced by a project's quota, by a subvolume's, or by the size of the tmpfs.
  enum class LimitBy { kNothing, kProject, kSubvolume, kMemory } limit_by = LimitBy::kNothing;
  uint64_t limit_bytes = 0;

  // What its disk is to be found by.
  const std::string& tree() const {
    return !overlay ? path : upper == Upper::kKept || layers.empty() ? upper_dir : layers.back();
  }
};

struct CgroupV1 {
  std::string mount;
  std::vector<std::string> controllers;
};

// A file of one of the container's groups.
struct GroupLimit {
  std::string key;    // of [Resources], for messages
  std::string v1;     // mount point of the hierarchy; empty: v2
  bool base = false;  // v2: BASE, beside other containers; else `payload`
  std::string file, value;
  std::string device;  // the number of its disk stands before the value; empty: none
  bool reset = false;  // back to what a new group has: nothing to do where the file or the disk is gone
  std::string group;   // of a slice: its path below the mount, part of CgroupPlan::path
};

struct CgroupPlan {
  enum class Driver { kSystemd, kV2, kHybrid } driver = Driver::kV2;
  std::string unified_mount;
  std::vector<CgroupV1> v1;
  std::string path;
  std::vector<GroupLimit> limits;
  std::vector<GroupLimit> slice_limits;  // of groups above, shared with other containers; outermost first
};

struct FileEdit {
  enum class Op { kWrite, kSymlink, kRemove } op = Op::kWrite;
  std::string path, content, target;
  uint32_t mode = 0644;
  enum class When { kAlways, kExists, kMissing, kPlain, kTarget } when = When::kAlways;
};

struct HostFile {
  std::string target;  // of a symbolic link; empty: it is a file
  std::string content;
  uint32_t mode = 0444;
};

struct RestartPlan {
  std::string policy = "no";
  uint64_t delay_ms = 100;
  uint32_t limit_burst = 5;
  uint64_t limit_interval_ms = 10000;
};

// At the memory limit: native/supervisor/oom.cc.
struct OomPlan {
  std::string policy = "kill";
  std::string hook;  // a program of the host; empty: none
  uint32_t raise_percent = 0;
  uint64_t raise_max_bytes = 0;  // 0: as far as it goes
};

struct LaunchPlan {
  // process
  std::vector<std::string> args, env;
  std::string cwd = "/";
  Capabilities capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  // top level and linux
  std::string hostname;
  std::vector<Mount> mounts;
  std::vector<IdMapping> uid_mappings, gid_mappings;
  std::vector<DeviceNode> devices;
  std::vector<DeviceRule> device_rules;
  std::map<std::string, std::string> sysctl;
  SeccompPlan seccomp;
  std::vector<std::string> masked_paths, readonly_paths;
  bool personality_linux32 = false;
  // tsct
  std::string name, key, uuid, container_dir, run_dir;
  RootfsPlan rootfs;
  CgroupPlan cgroup;
  std::vector<std::string> sys_skeleton;
  bool boot_id = true;
  std::vector<std::string> writable_proc_sys;
  std::map<std::string, HostFile> run_host_files;
  std::map<std::string, std::string> credentials;  // decoded
  bool notify_socket = true;
  std::vector<FileEdit> files;
  uint64_t console_log_bytes_max = 131072;
  std::vector<std::string> init_candidates;
  std::vector<unsigned> cpu_affinity;      // empty: every CPU
  int halt_signal = 0, reboot_signal = 0;  // 0: by what init is
  bool readiness_notify = true;
  RestartPlan restart;
  OomPlan oom;
  std::vector<std::string> id_range_locks;
  std::string seccomp_cache_dir;
  NetworkPlan network;
  GivenDevices given_devices;
  std::optional<JournalPlan> journal;
  std::vector<BoundUser> bound_users;
  std::optional<ViewPlan> view;  // none: it sees what the host has

  uint32_t root_uid() const { return uid_mappings.at(0).host_id; }
  uint32_t root_gid() const { return gid_mappings.at(0).host_id; }
};

// The mounts of a plan, with what tsct.mounts says of them.
std::vector<Mount> decode_mounts(JsonReader& plan, JsonReader extras);

// Decodes and checks; throws SysError with the JSON path of what is wrong.
LaunchPlan decode_plan(const std::string& json);

// The JSON list of edits that `tsct-setup edit` takes (same shape as tsct.files).
std::vector<FileEdit> decode_file_edits(const std::string& json);

// The JSON list that `tsct-setup change-limits` takes (same shape as tsct.cgroup.limits).
std::vector<GroupLimit> decode_limits(const std::string& json, const CgroupPlan& plan);

}  // namespace tsct
