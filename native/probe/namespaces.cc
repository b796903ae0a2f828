#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "probe/attempt.h"
#include "probe/probes.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

// A byte on this pipe lets the child go on: its ids are mapped.
struct Gate {
  UniqueFd reader, writer;
  Gate() {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "make a pipe", "pipe2");
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  void pass() {
    char byte;
    writer.reset();
    // End of file: whoever held the writer has opened the gate.
    check(::read(reader.get(), &byte, 1), "wait for id maps", "read");
  }
  void open() { writer.reset(); }
};

void become_container_root() {
  check(::setresgid(0, 0, 0), "become the container's root", "setresgid");
  check(::setresuid(0, 0, 0), "become the container's root", "setresuid");
}

constexpr uint64_t kAllNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;

void run_in_namespaces(uint64_t flags, const std::function<void()>& function, std::string_view step) {
  Gate gate;
  Child child(flags, [&] {
    gate.pass();
    become_container_root();
    function();
  });
  write_id_maps(child.pid());
  gate.open();
  expect_success(child.wait(), step);
}

void mount_type(const char* type, const char* target, const char* data = nullptr) {
  check(::mount(type, target, type, MS_NOSUID | MS_NOEXEC | MS_NODEV, data), std::string("mount ") + type,
        "mount", target);
}

}  // namespace

void probe_user_namespace() {
  run_in_namespaces(
      CLONE_NEWUSER,
      [] {
        // The last id of the range is as usable as the first.
        constexpr gid_t kLast = kProbeSize - 1;
        check(::setgroups(1, &kLast), "set the last group id", "setgroups");
        check(::setresuid(kLast, kLast, kLast), "set the last user id", "setresuid");
      },
      "map 65536 ids");
}

void probe_namespaces() {
  run_in_namespaces(
      kAllNamespaces,
      [] {
        if (::getpid() != 1) refuse("be PID 1 of a PID namespace", "", "another process has it");
        check(::sethostname("probe", 5), "set a host name", "sethostname");
      },
      "clone with all namespaces");
}

void probe_pidfd_setns() {
  Gate done;
  Child target(CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWIPC, [&] { done.pass(); });
  Child visitor(0, [&] {
    // setns(2) takes a pidfd and several namespaces at once since 5.8.
    check(::setns(target.pidfd(), CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWIPC), "enter namespaces by pidfd",
          "setns");
  });
  expect_success(visitor.wait(), "enter namespaces by pidfd");
  done.open();
  expect_success(target.wait(), "leave namespaces");
}

void probe_guest_mounts() {
  run_in_namespaces(
      kAllNamespaces & ~CLONE_NEWCGROUP,
      [] {
        // /sys is there on every host; on it a private tmpfs gives places to mount on. A host that is itself
        // a container with masked /proc or /sys refuses new ones (user_namespaces(7), mount_namespaces(7)).
        check(::unshare(CLONE_NEWCGROUP), "make a cgroup namespace", "unshare");
        check(::mount("tmpfs", "/sys", "tmpfs", MS_NOSUID | MS_NODEV, nullptr), "mount tmpfs", "mount",
              "/sys");
        for (const char* dir : {"/sys/a", "/sys/b", "/sys/c", "/sys/d", "/sys/e"})
          check(::mkdir(dir, 0755), "make a mount point", "mkdir", dir);
        mount_type("proc", "/sys/a");
        mount_type("sysfs", "/sys/b");
        mount_type("mqueue", "/sys/c");
        mount_type("devpts", "/sys/d", "newinstance,ptmxmode=0666,mode=0620,gid=5");
        mount_type("cgroup2", "/sys/e");
      },
      "mount a guest's own file systems");
}

}  // namespace tsct
