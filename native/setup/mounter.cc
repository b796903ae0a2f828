#include "setup/mounter.h"

#include <signal.h>
#include <sys/wait.h>

#include "setup/mount.h"
#include "setup/overlay.h"
#include "setup/rootfs.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

// sysctls of the container's own namespaces are written while its /proc is still this process's alone.
void apply_sysctls(const LaunchPlan& plan, int proc_mount) {
  for (const auto& [key, value] : plan.sysctl) {
    std::string path = "sys/" + key;
    for (char& c : path)
      if (c == '.') c = '/';
    write_file(proc_mount, path, value, "set sysctl");
  }
}

UniqueFd make(const LaunchPlan& plan, const Mount& mount) {
  MountOptions options = parse_mount_options(mount.options);
  std::erase(options.data, "newinstance");  // every devpts is one since 4.7
  std::string type = mount.type == "cgroup" ? "cgroup2" : mount.type;
  UniqueFd fd = new_filesystem(type, mount.source, options, "mount " + mount.destination);
  if (type == "proc") apply_sysctls(plan, fd.get());
  return fd;
}

void make_all(const LaunchPlan& plan, const Channel& outer, bool cgroup) {
  for (size_t i = 0; i < plan.mounts.size(); i++)
    if (made_by_mounter(plan.mounts[i]) && !(plan.network.joins && plan.mounts[i].type == "sysfs") &&
        (plan.mounts[i].type == "cgroup") == cgroup)
      outer.send(Step::kMounted, static_cast<uint32_t>(i), make(plan, plan.mounts[i]).get());
}

template <class Fn>
void run_child(const Channel& outer, Fn&& body) {
  clone_args args{};
  args.flags = CLONE_NEWNS;
  args.exit_signal = SIGCHLD;
  pid_t pid = check(clone3(args), "run mounter", "clone3");
  if (pid == 0) {
    try {
      body();
      ::_exit(0);
    } catch (SysError& e) {
      if (e.stage.empty()) e.stage = "mounter";
      outer.send_error(e);
      ::_exit(1);
    }
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) ::_exit(1);  // outer has been told why
}

// The root overlay stays attached in the mounter's own namespace, where further overlays may be made of its
// directories; outer gets a copy of the mount.
void mount_root(const LaunchPlan& plan, const Channel& outer) {
  if (!plan.rootfs.overlay) return;
  UniqueFd root = attach_root(mount_overlay(plan.rootfs).get());
  outer.send(Step::kMounted, kRootMount, clone_mount(root.get(), false, "mount overlay", "/").get());
}

}  // namespace

bool made_by_mounter(const Mount& mount) {
  return mount.type == "proc" || mount.type == "sysfs" || mount.type == "devpts" || mount.type == "mqueue" ||
         mount.type == "cgroup";
}

void run_mounter(const LaunchPlan& plan, const Channel& outer) {
  run_child(outer, [&] {
    mount_root(plan, outer);
    make_all(plan, outer, false);
    mount_extra_overlays(plan, outer);
    outer.send(Step::kMountedAll);
  });
}

void run_cgroup_mounter(const LaunchPlan& plan, const Channel& outer) {
  run_child(outer, [&] {
    make_all(plan, outer, true);
    outer.send(Step::kMountedAll);
  });
}

void run_root_mounter(const LaunchPlan& plan, const Channel& outer) {
  run_child(outer, [&] {
    mount_root(plan, outer);
    outer.send(Step::kMountedAll);
  });
}

}  // namespace tsct
