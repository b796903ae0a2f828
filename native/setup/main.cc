// tsct-setup: carries out a launch plan, then is gone.
//
//   tsct-setup start      plan on fd 0, hand-over socket of the supervisor on fd 3
//   tsct-setup teardown   plan on fd 0: undoes what a run has left behind
//   tsct-setup edit       plan on fd 0, list of file edits on fd 3: changes the root of a stopped container
//   tsct-setup repair-network   plan on fd 0: brings up its networks again
//   tsct-setup change-network   plan on fd 0, with what it takes the place of, list of file edits on fd 3:
//   changes
//                         a running container
//   tsct-setup change-devices   plan on fd 0, what changes on fd 3: gives a running container other devices
//   tsct-setup change-limits  plan on fd 0, list of limits on fd 3: changes those of a running container
//   tsct-setup keep-plan  plan on fd 0: the supervisor goes by it from now on
//   tsct-setup hold-ports plan on fd 0, run by the supervisor: starts tsct-ports again
//   tsct-setup renew-devices  plan on fd 0, the container's /dev on fd 3, run by the supervisor: looks again
//   tsct-setup renew-view  plan on fd 0, run by the supervisor, its connection to the keeper of lxcfs, if it
//   has one, on fd 3: shows a running guest what lxcfs does now
//   tsct-setup mount DIR  plan on fd 0: mounts the root of a stopped container at DIR of the host
// A failure of all but start is one JSON line on stderr (NativeError) and exit 1.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "setup/control_client.h"
#include "setup/device_change.h"
#include "setup/group_limits.h"
#include "setup/json_reader.h"
#include "setup/mount.h"
#include "setup/network.h"
#include "setup/outer.h"
#include "setup/port_change.h"
#include "setup/supervisor_link.h"
#include "setup/teardown.h"
#include "setup/tree.h"
#include "sys/file.h"
#include "sys/parent.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

void print_error(const SysError& e) {
  Json line{{"stage", e.stage}, {"step", e.step},     {"call", e.call},
            {"errno", e.err},   {"target", e.target}, {"detail", e.detail}};
  std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  fputs(text.c_str(), stderr);
}

bool edit_stack(const RootfsPlan& rootfs, const std::vector<FileEdit>& edits) {
  if (!rootfs.overlay) return edit_trees({rootfs.path}, edits);
  if (rootfs.upper != RootfsPlan::Upper::kKept) return false;
  std::vector<std::string> trees{rootfs.upper_dir + "/tree"};
  trees.insert(trees.end(), rootfs.layers.rbegin(), rootfs.layers.rend());
  return edit_trees(trees, edits);
}

void edit(const LaunchPlan& plan) {
  std::vector<FileEdit> edits = decode_file_edits(read_fd(3, "read edits", "fd 3"));
  if (edit_stack(plan.rootfs, edits)) return;
  with_mounted_root(
      plan,
      [](int root, int, void* context) {
        apply_file_edits(*static_cast<std::vector<FileEdit>*>(context), root);
      },
      &edits);
}

// The mount outlives this process: attached in the host's mount namespace, on purpose.
void mount_at(const LaunchPlan& plan, const char* directory) {
  struct Target {
    UniqueFd host_namespace;
    std::string directory;
  } target{UniqueFd(check(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), "mount root", "open")),
           directory};
  with_mounted_root(
      plan,
      [](int, int mount, void* context) {
        auto* t = static_cast<Target*>(context);
        check(::setns(t->host_namespace.get(), CLONE_NEWNS), "mount root", "setns", "host");
        UniqueFd dir(check(::open(t->directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "mount root",
                           "open", t->directory));
        attach_mount(mount, dir.get(), "mount root", t->directory);
      },
      &target);
}

void dispatch(const std::string& verb, int argc, char** argv) {
  LaunchPlan plan = decode_plan(read_fd(0, "read plan", "fd 0"));
  if (verb == "start") {
    ::fcntl(kSetupSocketFd, F_SETFD, FD_CLOEXEC);  // for nobody that is started here
    return start_container(plan, kSetupSocketFd);
  }
  if (verb == "teardown") return tear_down(plan);
  if (verb == "edit") return edit(plan);
  if (verb == "repair-network") return repair_networks(plan);
  if (verb == "change-network")
    return change_network(plan, decode_file_edits(read_fd(3, "read edits", "fd 3")));
  if (verb == "change-limits")
    return change_limits(plan, decode_limits(read_fd(3, "read limits", "fd 3"), plan.cgroup));
  if (verb == "hold-ports") return hold_ports_again(plan);
  if (verb == "renew-view") return renew_view(plan, ::fcntl(3, F_GETFD) < 0 ? -1 : 3);
  if (verb == "change-devices")
    return change_devices(plan, decode_device_change(read_fd(3, "read change", "fd 3")));
  if (verb == "renew-devices") return renew_devices(plan, 3);
  if (verb == "keep-plan") return hand_plan(plan, 0);
  if (verb == "mount" && argc == 3) return mount_at(plan, argv[2]);
  refuse("read arguments", verb, "is not a verb of tsct-setup");
}

}  // namespace
}  // namespace tsct

int main(int argc, char** argv) {
  using namespace tsct;
  std::string verb = argc > 1 ? argv[1] : "";
  // Whoever runs it holds the container's lock: it must not work on without. (A start has it from its
  // supervisor.)
  if (verb != "start") die_with_parent();
  try {
    dispatch(verb, argc, argv);
    return 0;
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = verb == "teardown" ? "teardown" : "outer";
    if (verb == "start")
      SupervisorLink(kSetupSocketFd).failed(e);
    else
      print_error(e);
    return 1;
  }
}
