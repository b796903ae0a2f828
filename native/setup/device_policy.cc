#include "setup/device_policy.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <map>
#include <sstream>
#include <string>

#include "sys/error.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

namespace tsct {

namespace {

constexpr const char* kStep = "set device policy";
constexpr const char* kProgramName = "tsct_devices";

int access_bits(const DeviceRule& rule) {
  int bits = 0;
  for (char c : rule.access) {
    int bit = c == 'r'   ? BPF_DEVCG_ACC_READ
              : c == 'w' ? BPF_DEVCG_ACC_WRITE
              : c == 'm' ? BPF_DEVCG_ACC_MKNOD
                         : 0;
    if (!bit)
      refuse(kStep, "linux.resources.devices.access", "\"" + rule.access + "\" is not of r, w, m", EINVAL);
    bits |= bit;
  }
  if (!bits) refuse(kStep, "linux.resources.devices.access", "must not be empty", EINVAL);
  if (rule.type != 'a' && rule.type != 'b' && rule.type != 'c') {
    refuse(kStep, "linux.resources.devices.type", "must be a, b or c", EINVAL);
  }
  return bits;
}

constexpr int kAllAccess = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

bool is_everything(const DeviceRule& rule) {
  return rule.type == 'a' && !rule.major && !rule.minor && access_bits(rule) == kAllAccess;
}

// ---- v2 ----

constexpr uint8_t kAccess = BPF_REG_2, kType = BPF_REG_3, kMajor = BPF_REG_4, kMinor = BPF_REG_5;
constexpr uint8_t kScratch = BPF_REG_6;

bpf_insn insn(int code, uint8_t dst, uint8_t src, int16_t off, int32_t imm) {
  bpf_insn i{};
  i.code = static_cast<uint8_t>(code);
  i.dst_reg = dst & 15;
  i.src_reg = src & 15;
  i.off = off;
  i.imm = imm;
  return i;
}

bpf_insn load_context(uint8_t dst, size_t offset) {
  return insn(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_1, static_cast<int16_t>(offset), 0);
}

// One rule: falls through, with the bits that it allowed taken out of kAccess, or ends with a verdict.
std::vector<bpf_insn> assemble_rule(const DeviceRule& rule) {
  std::vector<bpf_insn> out;
  std::vector<size_t> to_next;  // jumps out of this rule
  auto leave_if = [&](int comparison, uint8_t reg, uint32_t value) {
    to_next.push_back(out.size());
    out.push_back(insn(BPF_JMP32 | comparison | BPF_K, reg, 0, 0, static_cast<int32_t>(value)));
  };
  if (rule.type != 'a') leave_if(BPF_JNE, kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  if (rule.major) leave_if(BPF_JNE, kMajor, *rule.major);
  if (rule.minor) leave_if(BPF_JNE, kMinor, *rule.minor);
  int bits = access_bits(rule);
  if (rule.allow) {
    out.push_back(insn(BPF_ALU | BPF_AND | BPF_K, kAccess, 0, 0, kAllAccess & ~bits));
    leave_if(BPF_JNE, kAccess, 0);  // something is still undecided
  } else {
    out.push_back(insn(BPF_ALU | BPF_MOV | BPF_X, kScratch, kAccess, 0, 0));
    out.push_back(insn(BPF_ALU | BPF_AND | BPF_K, kScratch, 0, 0, bits));
    leave_if(BPF_JEQ, kScratch, 0);
  }
  out.push_back(insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, rule.allow));
  out.push_back(insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  for (size_t at : to_next) out[at].off = static_cast<int16_t>(out.size() - at - 1);
  return out;
}

// Last rule first, so that the first that matches an access bit has decided it.
std::vector<bpf_insn> assemble(const std::vector<DeviceRule>& rules) {
  std::vector<bpf_insn> program = {
      load_context(kAccess, offsetof(bpf_cgroup_dev_ctx, access_type)),
      insn(BPF_ALU | BPF_MOV | BPF_X, kType, kAccess, 0, 0),
      insn(BPF_ALU | BPF_AND | BPF_K, kType, 0, 0, 0xffff),
      insn(BPF_ALU | BPF_RSH | BPF_K, kAccess, 0, 0, 16),
      load_context(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      load_context(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
    std::vector<bpf_insn> part = assemble_rule(*rule);
    program.insert(program.end(), part.begin(), part.end());
  }
  program.push_back(insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0));
  program.push_back(insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return program;
}

int bpf(bpf_cmd command, bpf_attr& attr) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof attr));
}

UniqueFd load_program(const std::vector<bpf_insn>& program) {
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = reinterpret_cast<uint64_t>(program.data());
  attr.insn_cnt = static_cast<uint32_t>(program.size());
  attr.license = reinterpret_cast<uint64_t>("Dual MIT/GPL");
  strcpy(attr.prog_name, kProgramName);
  return UniqueFd(check(bpf(BPF_PROG_LOAD, attr), kStep, "bpf(BPF_PROG_LOAD)"));
}

// Programs of ours on this very group, from an earlier policy.
std::vector<UniqueFd> attached_before(int cgroup_fd) {
  uint32_t ids[64];
  bpf_attr query{};
  query.query.target_fd = static_cast<uint32_t>(cgroup_fd);
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = reinterpret_cast<uint64_t>(ids);
  query.query.prog_cnt = std::size(ids);
  check(bpf(BPF_PROG_QUERY, query), kStep, "bpf(BPF_PROG_QUERY)");
  std::vector<UniqueFd> ours;
  for (uint32_t i = 0; i < query.query.prog_cnt; i++) {
    bpf_attr by_id{};
    by_id.prog_id = ids[i];
    UniqueFd fd(bpf(BPF_PROG_GET_FD_BY_ID, by_id));
    if (!fd) continue;  // gone meanwhile
    bpf_prog_info info{};
    bpf_attr get{};
    get.info.bpf_fd = static_cast<uint32_t>(fd.get());
    get.info.info_len = sizeof info;
    get.info.info = reinterpret_cast<uint64_t>(&info);
    check(bpf(BPF_OBJ_GET_INFO_BY_FD, get), kStep, "bpf(BPF_OBJ_GET_INFO_BY_FD)");
    if (strncmp(info.name, kProgramName, sizeof info.name) == 0) ours.push_back(std::move(fd));
  }
  return ours;
}

// ---- v1 ----

std::string number(const std::optional<uint32_t>& n) {
  return n ? std::to_string(*n) : "*";
}

// One write(2) a line: the kernel reads no more than one rule of each.
void write_rule(int cgroup_fd, const DeviceRule& rule) {
  const char* file = rule.allow ? "devices.allow" : "devices.deny";
  for (char type : {'b', 'c'}) {
    if (rule.type != 'a' && rule.type != type) continue;  // v1's own "a" means everything, whatever follows
    write_file(cgroup_fd, file,
               std::string(1, type) + " " + number(rule.major) + ":" + number(rule.minor) + " " + rule.access,
               kStep);
  }
}

}  // namespace

void attach_device_policy(int cgroup_fd, const std::vector<DeviceRule>& rules) {
  UniqueFd program = load_program(assemble(rules));
  std::vector<UniqueFd> before = attached_before(cgroup_fd);
  bpf_attr attach{};
  attach.target_fd = static_cast<uint32_t>(cgroup_fd);
  attach.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  if (!before.empty()) {  // one for the other in one step, since 5.6
    attach.attach_flags |= BPF_F_REPLACE;
    attach.replace_bpf_fd = static_cast<uint32_t>(before.back().get());
  }
  check(bpf(BPF_PROG_ATTACH, attach), kStep, "bpf(BPF_PROG_ATTACH)");
  if (!before.empty()) before.pop_back();
  for (const UniqueFd& old : before) {
    bpf_attr detach{};
    detach.target_fd = static_cast<uint32_t>(cgroup_fd);
    detach.attach_bpf_fd = static_cast<uint32_t>(old.get());
    detach.attach_type = BPF_CGROUP_DEVICE;
    check(bpf(BPF_PROG_DETACH, detach), kStep, "bpf(BPF_PROG_DETACH)");
  }
}

void write_device_policy(int cgroup_fd, const std::vector<DeviceRule>& rules) {
  // A group starts with its parent's policy, which is no policy of ours.
  write_file(cgroup_fd, "devices.deny", "a", kStep);
  bool open = false, exceptions = false;  // open: everything but the exceptions is allowed
  for (const DeviceRule& rule : rules) {
    if (is_everything(rule)) {
      if (rule.allow != open || exceptions) {
        write_file(cgroup_fd, rule.allow ? "devices.allow" : "devices.deny", "a", kStep);
      }
      open = rule.allow;
      exceptions = false;
    } else if (rule.allow != open) {
      access_bits(rule);  // checks it
      write_rule(cgroup_fd, rule);
      exceptions = true;
    } else if (exceptions) {
      refuse(kStep, "linux.resources.devices",
             "cgroup v1 cannot take back part of what an earlier rule gave, nor give back", ENOTSUP);
    }
  }
}

namespace {

// What devices.list says: `c 1:3` and of what access.
std::map<std::string, std::string> read_list(int cgroup_fd) {
  std::map<std::string, std::string> list;
  std::istringstream lines(read_file(cgroup_fd, "devices.list", kStep));
  for (std::string type, numbers, access; lines >> type >> numbers >> access;)
    list[type + " " + numbers] += access;
  return list;
}

std::map<std::string, std::string> list_of(const std::vector<DeviceRule>& rules) {
  std::map<std::string, std::string> list;
  for (const DeviceRule& rule : rules) {
    if (is_everything(rule) && !rule.allow) continue;
    access_bits(rule);  // checks it
    if (!rule.allow || rule.type == 'a')
      refuse(kStep, "linux.resources.devices", "a list that is in force can be added to only", ENOTSUP);
    list[std::string(1, rule.type) + " " + number(rule.major) + ":" + number(rule.minor)] += rule.access;
  }
  return list;
}

// One write for each of `list` that `other` has not, or not with all access.
void write_difference(int cgroup_fd, const char* file, const std::map<std::string, std::string>& list,
                      const std::map<std::string, std::string>& other) {
  for (const auto& [device, access] : list) {
    auto there = other.find(device);
    std::string missing;
    for (char c : {'r', 'w', 'm'})
      if (access.find(c) != std::string::npos &&
          (there == other.end() || there->second.find(c) == std::string::npos))
        missing += c;
    if (!missing.empty()) write_file(cgroup_fd, file, device + " " + missing, kStep);
  }
}

}  // namespace

void change_device_policy(int cgroup_fd, const std::vector<DeviceRule>& rules) {
  std::map<std::string, std::string> before = read_list(cgroup_fd), wanted = list_of(rules);
  write_difference(cgroup_fd, "devices.allow", wanted, before);
  write_difference(cgroup_fd, "devices.deny", before, wanted);
}

}  // namespace tsct
