// "outer": tsct-setup itself.
//
//   namespaces   the host's; its own mount namespace from make_staging() on
//   ids          root, every capability that the host gives; base id as file system id while it builds the
//   tree may do       everything: this is the last process that acts on the host for this start undo its
//   mounts end with it; cgroups and run directory are the teardown's, which the supervisor runs
#include "setup/outer.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "setup/cgroup.h"
#include "setup/id_range.h"
#include "setup/inner.h"
#include "setup/journal.h"
#include "setup/limits.h"
#include "setup/mount.h"
#include "setup/mounter.h"
#include "setup/network.h"
#include "setup/network_namespace.h"
#include "setup/overlay.h"
#include "setup/port_holder.h"
#include "setup/rootfs.h"
#include "setup/seccomp.h"
#include "setup/size_limit.h"
#include "setup/supervisor_link.h"
#include "setup/tree.h"
#include "setup/user_namespace.h"
#include "setup/view.h"
#include "setup/volatile_root.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

// Undoes a clone whose supervisor will never hear of it.
struct KillGuard {
  int pidfd = -1;
  ~KillGuard() {
    if (pidfd >= 0) pidfd_send_signal(pidfd, SIGKILL);
  }
};

// Without a network of its own it has that of the caller.
pid_t clone_inner(const LaunchPlan& plan, int payload, bool own_network, int* pidfd) {
  // Owned by the container's base id: the kernel's per-user limits then count for this container alone.
  ActAs base(plan.root_uid(), plan.root_gid());
  clone_args args{};
  args.flags = CLONE_PARENT | CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWUTS |
               CLONE_NEWIPC;
  if (own_network) args.flags |= CLONE_NEWNET;
  args.pidfd = reinterpret_cast<uint64_t>(pidfd);
  args.cgroup = static_cast<uint64_t>(payload);
  pid_t pid = clone3(args);
  if (pid < 0) fail("clone init", "clone3", "new namespaces");
  if (pid == 0) base.stay();
  return pid;
}

void collect_mounts(const Channel& inner, TreeParts& parts, UniqueFd& root) {
  for (;;) {
    StepMessage message = inner.receive();
    if (message.end) refuse("mount file systems", "mounter", "it ended without a word");
    if (message.step == Step::kMountedAll) return;
    if (message.step != Step::kMounted) refuse("mount file systems", "mounter", "it said something else");
    if (message.index == kRootMount)
      root = std::move(message.fd);
    else
      parts.mounted[message.index] = std::move(message.fd);
  }
}

// Where a container without a network namespace of its own is to be.
class JoinedNetwork {
 public:
  explicit JoinedNetwork(const NetworkPlan& plan) {
    if (plan.joins) netns_ = open_joined_namespace(*plan.joins);
  }
  void enter(const std::function<void()>& body) const {
    if (netns_)
      in_network_namespace(netns_.get(), body);
    else
      body();
  }

 private:
  UniqueFd netns_;
};

// The old root, with everything of the host, leaves this mount namespace and so never gets into the
// container's.
void pivot_into(int root_fd) {
  check(::fchdir(root_fd), "pivot root", "fchdir");
  check(pivot_root(".", "."), "pivot root", "pivot_root");
  check(::umount2(".", MNT_DETACH), "pivot root", "umount2", "old root");
  check(::chdir("/"), "pivot root", "chdir");
}

// sysfs shows the network of whose namespace it is mounted in, which only who has power over that may do.
void mount_joined_sys(const LaunchPlan& plan, TreeParts& parts) {
  for (size_t i = 0; i < plan.mounts.size(); i++) {
    const Mount& mount = plan.mounts[i];
    if (plan.network.joins && mount.type == "sysfs")
      parts.mounted[static_cast<uint32_t>(i)] = new_filesystem(
          mount.type, mount.source, parse_mount_options(mount.options), "mount " + mount.destination);
  }
}

// Inner enters them itself. What it does next waits for no tree, so this is said as soon as it can be.
void send_groups(const Cgroups& cgroups, const Channel& inner) {
  for (const UniqueFd& group : cgroups.create_v1()) inner.send(Step::kGroup, 0, group.get());
  inner.send(Step::kGroupsAll);
}

void build_and_pivot(const LaunchPlan& plan, const Channel& inner, UniqueFd& root_mount, TreeParts& parts,
                     int host_mounts) {
  UniqueFd root, journal;
  {
    ActAs base(plan.root_uid(), plan.root_gid());
    root =
        plan.rootfs.usr_only ? attach_usr_root(plan.rootfs, root_mount.get()) : attach_root(root_mount.get());
    build_tree(plan, root.get(), parts);
    if (plan.journal) journal = take_journal(*plan.journal, root.get());
  }
  if (journal) show_journal(*plan.journal, plan.run_dir, journal.get(), host_mounts);
  UniqueFd none;
  collect_mounts(inner, parts, none);
  ActAs base(plan.root_uid(), plan.root_gid());
  finish_tree(plan, root.get(), parts);
  pivot_into(root.get());
}

void await_exec(const Channel& inner) {
  StepMessage message = inner.receive();  // throws what inner says
  if (!message.end) refuse("exec init", "init", "it spoke after it was released");
}

}  // namespace

void start_container(LaunchPlan& plan, int supervisor_fd) {
  SupervisorLink supervisor(supervisor_fd);
  pid_t supervisor_pid = ::getppid();
  resolve_devices(plan.given_devices, plan.devices, plan.device_rules);
  Cgroups cgroups(plan, supervisor_pid);
  std::string seccomp_path;
  std::vector<sock_filter> filter = seccomp_filter(plan.seccomp, plan.seccomp_cache_dir, &seccomp_path);
  supervisor.settings(plan, cgroups, seccomp_path);
  claim_id_range(plan, supervisor);
  cgroups.create();
  UniqueFd payload = cgroups.open_payload();
  View view(plan);  // early: lxcfs may have to be started
  hold_ports(plan, supervisor_pid, cgroups);
  Connection connection(plan);
  connection.prepare();
  JoinedNetwork network(plan.network);
  raise_hard_limits(plan.rlimits);
  UniqueFd host_mounts;
  if (plan.journal) {
    prepare_journal(*plan.journal, plan.run_dir);
    host_mounts.reset(check(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), "find host's mounts", "open",
                            "/proc/self/ns/mnt"));
  }
  check(::unshare(CLONE_NEWNS), "leave host's mounts", "unshare");
  make_staging();

  Channel to_inner, to_outer;
  Channel::pair(to_inner, to_outer);
  int pidfd_number = -1;
  pid_t pid = -1;
  network.enter([&] {
    pid = clone_inner(plan, payload.get(), !plan.network.joins, &pidfd_number);
    if (pid == 0) {
      to_inner.close();
      run_inner(plan, to_outer, filter);
    }
  });
  to_outer.close();
  UniqueFd pidfd(pidfd_number);
  KillGuard guard{pidfd.get()};
  supervisor.init(pid, pidfd.get());
  if (plan.oom_score_adj) apply_oom_score_adj(pid, *plan.oom_score_adj);
  write_id_maps(pid, plan.uid_mappings, plan.gid_mappings);
  to_inner.send(Step::kMapsWritten);

  UniqueFd userns = open_user_namespace(pid);
  place_writes(plan.rootfs);
  if (plan.rootfs.upper == RootfsPlan::Upper::kRun) make_run_upper(plan.rootfs);
  limit_size(plan);
  attach_layers(plan, userns.get());
  UniqueFd root_mount;
  if (!plan.rootfs.overlay) {
    // One for the mounter to see, one to attach once it has looked: a detached mount cannot be copied
    // before 6.15.
    attach_root(mount_directory(plan.rootfs, userns.get()).get());
    root_mount = mount_directory(plan.rootfs, userns.get());
  }
  stage_extra_overlays(plan, userns.get());
  to_inner.send(Step::kLayersReady);
  send_groups(cgroups, to_inner);
  if (connection.wanted()) {
    // While inner mounts.
    connection.connect(pid);
    to_inner.send(Step::kLinks);
  }

  TreeParts parts;
  network.enter([&] { mount_joined_sys(plan, parts); });
  collect_mounts(to_inner, parts, root_mount);
  parts.view = view.files();
  build_and_pivot(plan, to_inner, root_mount, parts, host_mounts.get());
  if (parts.notify_socket) supervisor.notify_socket(parts.notify_socket.get());
  if (parts.dev) supervisor.devices(parts.dev.get());
  if (view.connection() >= 0) supervisor.view(view.connection());
  if (parts.kmsg) supervisor.hold(parts.kmsg.get());
  to_inner.send(Step::kTreeReady);
  supervisor.console(to_inner.expect(Step::kConsole).fd.get());
  if (UniqueFd share = to_inner.expect(Step::kArmed).fd) supervisor.share(share.get());
  connection.finish();
  guard.pidfd = -1;  // from here the supervisor ends it
  to_inner.send(Step::kGo);
  await_exec(to_inner);
  supervisor.started();
}

namespace {

// A user namespace with the container's map and nothing else, and a mounter in it.
pid_t clone_root_holder(const LaunchPlan& plan, Channel& to_outer, Channel& to_inner) {
  ActAs base(plan.root_uid(), plan.root_gid());
  clone_args args{};
  args.flags = CLONE_NEWUSER;
  args.exit_signal = SIGCHLD;
  pid_t pid = check(clone3(args), "make user namespace", "clone3");
  if (pid != 0) return pid;
  base.stay();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  to_inner.close();
  try {
    to_outer.expect(Step::kMapsWritten);
    check(::setresgid(0, 0, 0), "become root of the user namespace", "setresgid");
    check(::setresuid(0, 0, 0), "become root of the user namespace", "setresuid");
    to_outer.expect(Step::kLayersReady);
    run_root_mounter(plan, to_outer);
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "inner";
    to_outer.send_error(e);
  }
  ::_exit(0);
}

}  // namespace

void with_mounted_root(const LaunchPlan& plan, void (*body)(int, int, void*), void* context) {
  check(::unshare(CLONE_NEWNS), "leave host's mounts", "unshare");
  make_staging();
  Channel to_inner, to_outer;
  Channel::pair(to_inner, to_outer);
  pid_t pid = clone_root_holder(plan, to_outer, to_inner);
  to_outer.close();
  write_id_maps(pid, plan.uid_mappings, plan.gid_mappings);
  to_inner.send(Step::kMapsWritten);
  UniqueFd userns = open_user_namespace(pid);
  attach_layers(plan, userns.get());
  to_inner.send(Step::kLayersReady);
  TreeParts parts;
  UniqueFd root_mount;
  collect_mounts(to_inner, parts, root_mount);
  ::waitpid(pid, nullptr, 0);
  if (!plan.rootfs.overlay) root_mount = mount_directory(plan.rootfs, userns.get());
  UniqueFd root = attach_root(root_mount.get());
  UniqueFd copy = clone_mount(root.get(), false, "mount root", "/");  // only what is attached can be copied
  ActAs base(plan.root_uid(), plan.root_gid());
  body(root.get(), copy.get(), context);
}

}  // namespace tsct
