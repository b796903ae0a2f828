#include <linux/bpf.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstring>

#include "probe/attempt.h"
#include "probe/probes.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

// A control group of the probe's own, removed at the end of the scope: declare it before the processes in it.
// It is named after the probe itself, not this attempt, so that `sweep` can tell whether it is still in use.
class Group {
 public:
  explicit Group(const std::string& mount) : path_(mount + "/tsct-probe-" + std::to_string(::getppid())) {
    check(::mkdir(path_.c_str(), 0755), "make a control group", "mkdir", path_);
  }
  ~Group() { ::rmdir(path_.c_str()); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  std::string file(const char* name) const { return path_ + "/" + name; }
  UniqueFd open() const {
    return UniqueFd(check(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open a control group",
                          "open", path_));
  }

 private:
  std::string path_;
};

// cgroup.events is pollable (cgroups(7)); the alarm of the attempt ends the wait.
void wait_for_event(const std::string& file, const char* line) {
  UniqueFd fd(check(::open(file.c_str(), O_RDONLY | O_CLOEXEC), "read control group events", "open", file));
  for (;;) {
    check(::lseek(fd.get(), 0, SEEK_SET), "read control group events", "lseek", file);
    if (read_fd(fd.get(), "read control group events", file).find(line) != std::string::npos) return;
    pollfd waiting{fd.get(), POLLPRI, 0};
    check(::poll(&waiting, 1, -1), "wait for control group events", "poll", file);
  }
}

void sleep_forever() {
  for (;;) ::pause();
}

int bpf(bpf_cmd command, bpf_attr& attr) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof attr));
}

}  // namespace

void probe_clone_into_cgroup(const std::string& unified) {
  Group group(unified);
  UniqueFd fd = group.open();
  Child child(0, sleep_forever, fd.get());
  std::string procs = read_file(AT_FDCWD, group.file("cgroup.procs"), "read members of a control group");
  if (procs != std::to_string(child.pid()) + "\n")
    refuse("clone into a control group", group.file("cgroup.procs"), "the child is not in it");
}

void probe_cgroup_freeze(const std::string& unified) {
  Group group(unified);
  UniqueFd fd = group.open();
  Child child(0, sleep_forever, fd.get());
  write_file(AT_FDCWD, group.file("cgroup.freeze"), "1", "freeze a control group");
  wait_for_event(group.file("cgroup.events"), "frozen 1");
}

void probe_cgroup_kill(const std::string& unified) {
  Group group(unified);
  UniqueFd fd = group.open();
  Child child(0, sleep_forever, fd.get());
  write_file(AT_FDCWD, group.file("cgroup.kill"), "1", "kill a control group");  // since 5.14
  int status = child.wait();
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    refuse("kill a control group", group.file("cgroup.kill"), "its member did not die of it");
}

// Device policy of cgroup v2: a program attached to the group (BPF_PROG_TYPE_CGROUP_DEVICE, since 4.15). Gone
// with the group.
void probe_device_program(const std::string& unified) {
  Group group(unified);
  UniqueFd fd = group.open();
  bpf_insn allow_all[2]{};
  allow_all[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  allow_all[0].imm = 1;
  allow_all[1].code = BPF_JMP | BPF_EXIT;
  bpf_attr load{};
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = reinterpret_cast<uint64_t>(allow_all);
  load.insn_cnt = 2;
  load.license = reinterpret_cast<uint64_t>("MIT");
  UniqueFd program(check(bpf(BPF_PROG_LOAD, load), "load a device program", "bpf(BPF_PROG_LOAD)"));
  bpf_attr attach{};
  attach.target_fd = static_cast<uint32_t>(fd.get());
  attach.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  check(bpf(BPF_PROG_ATTACH, attach), "attach a device program", "bpf(BPF_PROG_ATTACH)", unified);
}

void probe_device_list(const std::string& devices) {
  Group group(devices);
  write_file(AT_FDCWD, group.file("devices.deny"), "a", "close the device list");
  write_file(AT_FDCWD, group.file("devices.allow"), "c 1:3 rwm", "allow /dev/null");
  std::string list = read_file(AT_FDCWD, group.file("devices.list"), "read the device list");
  if (list != "c 1:3 rwm\n") refuse("close the device list", group.file("devices.list"), "it says " + list);
}

}  // namespace tsct
