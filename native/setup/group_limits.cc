#include "setup/group_limits.h"

#include <fcntl.h>

#include <cstdlib>
#include <memory>
#include <sstream>

#include "setup/cgroup.h"
#include "setup/control_client.h"
#include "setup/disk.h"
#include "setup/io_weight.h"
#include "setup/network.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kStep = "set group limit";
constexpr int kReclaimRounds = 8;

// The value, after the number of the disk that the limit is for: `8:0 rbps=1000`. No value is that of the
// group above: on v2 an empty line says so, v1 knows no such thing.
std::string text_of(const GroupLimit& limit, const std::string& group) {
  if (!limit.device.empty()) return disk_of(limit.device, kStep) + " " + limit.value;
  if (!limit.value.empty()) return limit.value;
  if (limit.v1.empty()) return "\n";
  return read_file(AT_FDCWD, group.substr(0, group.rfind('/')) + "/" + limit.file, kStep);
}

uint64_t number_in(const std::string& file) {
  return strtoull(read_file(AT_FDCWD, file, kStep).c_str(), nullptr, 10);
}

std::string in_use(uint64_t bytes) {
  return std::to_string(bytes) + " bytes are in use, and the kernel can take back no more";
}

// v2 kills at once for a limit below what is in use, where v1 says EBUSY. memory.reclaim is there since 5.19.
void take_back_memory(const GroupLimit& limit, const std::string& group) {
  if (limit.file != "memory.max" || limit.value == "max") return;
  uint64_t wanted = strtoull(limit.value.c_str(), nullptr, 10), used = number_in(group + "/memory.current");
  for (int round = 0; used > wanted && round < kReclaimRounds; round++) {
    try {
      write_file(AT_FDCWD, group + "/memory.reclaim", std::to_string(used - wanted), kStep);
    } catch (const SysError&) {  // EAGAIN: less than that; what is in use now tells
    }
    used = number_in(group + "/memory.current");
  }
  if (used > wanted) refuse(kStep, group + "/memory.max", in_use(used), EBUSY);
}

// A cpuset with processes takes no empty list on every kernel (6.1 does not): what the group above has now.
void follow_parent(const GroupLimit& limit, const std::string& group) {
  std::string parent = group.substr(0, group.rfind('/'));
  write_file(AT_FDCWD, group + "/" + limit.file,
             read_file(AT_FDCWD, parent + "/" + limit.file + ".effective", kStep), kStep);
}

bool has_quota_above(const GroupLimit& limit, std::string group) {
  for (group.resize(group.rfind('/')); group.size() > limit.v1.size(); group.resize(group.rfind('/')))
    if (read_file(AT_FDCWD, group + "/" + limit.file, kStep)[0] != '-') return true;
  return false;
}

void explain(SysError& e, const GroupLimit& limit, const std::string& group) {
  if (e.err == EBUSY && limit.file == "memory.limit_in_bytes")
    e.detail = in_use(number_in(group + "/memory.usage_in_bytes"));
  if (e.err == EBUSY && limit.file == "memory.memsw.limit_in_bytes")
    e.detail = in_use(number_in(group + "/memory.memsw.usage_in_bytes"));
  // kernel/sched/core.c, tg_cfs_schedulable_down(): on v1 a quota is no larger than the one above it.
  if (e.err == EINVAL && limit.file == "cpu.cfs_quota_us" && has_quota_above(limit, group))
    e.detail = "a group above it, such as its slice's, has less, and on cgroup v1 none below may have more";
  std::string of = limit.group.empty() ? "Resources." : limit.group.substr(limit.group.rfind('/') + 1) + ": ";
  e.detail = of + limit.key + "=" + (e.detail.empty() ? "" : ": " + e.detail);
}

}  // namespace

void set_limit(const LaunchPlan& plan, const GroupLimit& limit, const std::string& group) {
  try {
    if (is_io_weight(limit)) return set_io_weight(plan, limit, group);
    take_back_memory(limit, group);
    write_file(AT_FDCWD, group + "/" + limit.file, text_of(limit, group), kStep);
  } catch (SysError& e) {
    if (limit.reset && (e.err == ENOENT || e.err == ENODEV)) return;
    if (e.err == ENOSPC && limit.value.empty()) return follow_parent(limit, group);
    explain(e, limit, group);
    throw;
  }
}

void count_disk(const LaunchPlan& plan, const std::string& group) {
  try {
    write_file(AT_FDCWD, group + "/blkio.throttle.read_bps_device", disk_of(plan.rootfs.tree(), kStep) + " 0",
               kStep);
  } catch (const SysError&) {  // on no disk, or a kernel without throttles: there is nothing to count
  }
}

void change_limits(const LaunchPlan& plan, const std::vector<GroupLimit>& limits) {
  try {
    UniqueFd busy = lock_changes(plan, true);
    RunningInit init = find_init(plan.run_dir);
    hand_plan(plan, 0);
    Cgroups(plan, init.supervisor).change(limits);
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "limits";
    throw;
  }
}

}  // namespace tsct
