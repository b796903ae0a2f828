// Who goes by weights (kernel: Documentation/block/bfq-iosched.rst, admin-guide/cgroup-v2.rst "IO"):
// * BFQ, as the scheduler of a disk: io.bfq.weight; on v1 blkio.bfq.weight and blkio.bfq.weight_device.
// * iocost, on v2 only, turned on for a disk in io.cost.qos of the root group: io.weight.
//
// A disk that is made of others (device mapper, md) schedules nothing itself: they do, and know whose it is.
#include "setup/io_weight.h"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "setup/disk.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStep = "share disk";
constexpr long kBfqWeightMax = 1000;

std::string text_in(const std::string& path) {
  try {
    return read_file(AT_FDCWD, path, kStep);
  } catch (const SysError&) {  // not there: it has none
    return "";
  }
}

std::string sys_of(const std::string& disk) {
  return "/sys/dev/block/" + disk;
}

void add_disks(const std::string& disk, std::vector<std::string>& out) {
  std::error_code error;
  bool stacked = false;
  for (const auto& part : fs::directory_iterator(sys_of(disk) + "/slaves", error)) {
    stacked = true;
    add_disks(disk_of("/dev/" + part.path().filename().string(), kStep), out);
  }
  if (!stacked) out.push_back(disk);
}

struct Sharing {
  bool bfq, iocost;
};

Sharing sharing_of(const std::string& disk, const LaunchPlan& plan, bool is_v1) {
  Sharing by{text_in(sys_of(disk) + "/queue/scheduler").find("[bfq]") != std::string::npos, false};
  std::istringstream lines(is_v1 ? "" : text_in(plan.cgroup.unified_mount + "/io.cost.qos"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(disk + " ") && line.find(" enable=1") != std::string::npos) by.iocost = true;
  return by;
}

[[noreturn]] void refuse_disk(const std::string& disk) {
  std::string name = fs::path(fs::read_symlink(sys_of(disk))).filename();
  std::string file = "/sys/block/" + name + "/queue/scheduler", text = text_in(file);
  size_t from = text.find('[') + 1;
  std::string now = from ? text.substr(from, text.find(']') - from) : "none";
  refuse(kStep, name,
         "its scheduler is " + now + ", which knows no weights; for one that does: echo bfq >" + file);
}

// BFQ holds `default` for the weight that the group has on that disk already (seen on 6.18), and forgets the
// weights of all disks when the one for all is written. The plan has those written again that are to stay.
void forget_disks(const std::string& group, std::string file) {
  if (file.ends_with("_device")) file.resize(file.rfind('_'));
  std::istringstream words(read_file(AT_FDCWD, group + "/" + file, kStep));  // `100`, v2: `default 100`
  std::string weight;
  words >> weight;
  if (weight == "default") words >> weight;
  write_file(AT_FDCWD, group + "/" + file, weight, kStep);
}

void write_weight(const GroupLimit& limit, const std::string& group, const std::string& text) {
  bool by_bfq = limit.file.find("bfq") != std::string::npos;
  if (by_bfq && strtol(limit.value.c_str(), nullptr, 10) > kBfqWeightMax)
    refuse(kStep, group + "/" + limit.file, "its scheduler, BFQ, knows weights to 1000", ERANGE);
  write_file(AT_FDCWD, group + "/" + limit.file, text, kStep);
}

}  // namespace

bool is_io_weight(const GroupLimit& limit) {
  return limit.key == "IOWeight" || limit.key == "IODeviceWeight";
}

void set_io_weight(const LaunchPlan& plan, const GroupLimit& limit, const std::string& group) {
  bool by_bfq = limit.file.find("bfq") != std::string::npos, is_for_all = limit.device.empty(),
       counts = false;
  std::vector<std::string> disks;
  if (!is_for_all || !limit.reset)
    add_disks(disk_of(is_for_all ? plan.rootfs.tree() : limit.device, kStep), disks);
  for (const auto& disk : disks) {
    Sharing by = sharing_of(disk, plan, !limit.v1.empty());
    if (!by.bfq && !by.iocost && !limit.reset) refuse_disk(disk);
    if (!(by_bfq ? by.bfq : by.iocost)) continue;
    counts = true;
    if (is_for_all) continue;
    if (by_bfq && limit.reset)
      forget_disks(group, limit.file);
    else
      write_weight(limit, group, disk + " " + limit.value);
  }
  if (!is_for_all) return;
  try {
    write_weight(limit, group, limit.value);
  } catch (const SysError&) {
    if (counts) throw;  // else it is for other disks of the host, should there be any
  }
}

}  // namespace tsct
