// "inner": the process that becomes the container's PID 1.
//
//   namespaces   new user, pid, uts, ipc, net (or another's) from its clone; cgroup after it is in its group;
//   mount last:
//                until then outer's, so that outer can build the tree around it
//   ids          root of its user namespace; on the host the container's base id
//   may do       whatever its user namespace allows; nothing on the host
//   parent       the supervisor (CLONE_PARENT), which reaps it
#include "setup/inner.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "setup/capabilities.h"
#include "setup/keyring.h"
#include "setup/limits.h"
#include "setup/mounter.h"
#include "setup/network.h"
#include "setup/seccomp_file.h"
#include "setup/share_filter.h"
#include "sys/error.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

void become_root() {
  check(::setgroups(0, nullptr), "become root of the user namespace", "setgroups");
  check(::setresgid(0, 0, 0), "become root of the user namespace", "setresgid");
  check(::setresuid(0, 0, 0), "become root of the user namespace", "setresuid");
}

void bring_up_loopback() {
  UniqueFd sock(check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "bring up lo", "socket"));
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  check(::ioctl(sock.get(), SIOCGIFFLAGS, &request), "bring up lo", "ioctl");
  request.ifr_flags |= IFF_UP;
  check(::ioctl(sock.get(), SIOCSIFFLAGS, &request), "bring up lo", "ioctl");
}

void set_up_namespaces(const LaunchPlan& plan) {
  check(::sethostname(plan.hostname.c_str(), plan.hostname.size()), "set hostname", "sethostname",
        plan.hostname);
  if (!plan.network.joins) bring_up_loopback();
  if (plan.personality_linux32) check(::personality(PER_LINUX32), "set personality", "personality");
}

// The copy of outer's tree into a less privileged user namespace: the kernel locks what it copies. Shared
// from here on, as systemd expects of "/" (and as the host would have it).
void take_tree() {
  check(::unshare(CLONE_NEWNS), "make mount namespace", "unshare");
  check(::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr), "share mounts", "mount", "/");
}

// A pty of the container's own devpts, the first one: /dev/console is a link to pts/0. Its master goes to the
// supervisor, which keeps it open for as long as the container lives, so that a vhangup by getty does no
// harm.
UniqueFd open_console(const Channel& outer) {
  const char* step = "open console";
  UniqueFd master(
      check(::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), step, "open", "/dev/pts/ptmx"));
  int unlock = 0, number = -1;
  check(::ioctl(master.get(), TIOCSPTLCK, &unlock), step, "ioctl", "TIOCSPTLCK");
  check(::ioctl(master.get(), TIOCGPTN, &number), step, "ioctl", "TIOCGPTN");
  if (number != 0) refuse(step, "/dev/pts/" + std::to_string(number), "the console must be the first pty");
  UniqueFd slave(
      check(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), step, "ioctl", "TIOCGPTPEER"));
  outer.send(Step::kConsole, 0, master.get());
  return slave;
}

// Standard streams, but not the controlling terminal, as a kernel starts its init: the getty that init runs
// on /dev/console has to be able to take it. No setsid either: a session leader takes any terminal that it
// opens without O_NOCTTY, as sysvinit opens /dev/console; the kernel's own console is exempt from that
// (tty_open()), a pty is not. Inits call setsid themselves once they have looked at their console.
void take_console(int slave) {
  for (int fd = 0; fd < 3; fd++) check(::dup2(slave, fd), "open console", "dup2");
}

void reset_process(const LaunchPlan& plan) {
  for (int sig = 1; sig < NSIG; sig++) ::signal(sig, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(022);
  apply_rlimits(plan.rlimits);
  apply_cpu_affinity(plan.cpu_affinity);
  check(::chdir(plan.cwd.c_str()), "enter working directory", "chdir", plan.cwd);
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const auto& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

// Tries the named program, or each candidate until one is there; returns only by throwing.
[[noreturn]] void exec_init(const LaunchPlan& plan) {
  std::vector<std::string> programs =
      plan.args[0].empty() ? plan.init_candidates : std::vector<std::string>{plan.args[0]};
  std::vector<char*> env = pointers(plan.env);
  for (const auto& program : programs) {
    std::vector<std::string> args = plan.args;
    args[0] = program;
    ::execve(program.c_str(), pointers(args).data(), env.data());
    if (errno != ENOENT || programs.size() == 1) fail("exec init", "execve", program);
  }
  std::string tried;
  for (const auto& program : programs) tried += (tried.empty() ? "" : ", ") + program;
  refuse("exec init", tried, "none of these is there", ENOENT);
}

// `0` is the writing thread. For it alone, by `tasks`, nobody's threads have to stand still: any other move
// waits for an RCU grace period, 5 to 12 ms (kernel/cgroup/cgroup.c, cgroup_procs_write_start(), since 5.15).
// Who may is decided by who opened the file: outer, the host's root.
void enter_groups(const Channel& outer) {
  for (;;) {
    StepMessage message = outer.receive();
    if (message.step == Step::kGroupsAll) return;
    if (message.step != Step::kGroup) refuse("enter cgroup v1", "outer", "it said something else");
    check(::write(message.fd.get(), "0", 1), "enter cgroup v1", "write", "tasks");
  }
}

void live(const LaunchPlan& plan, Channel& outer, const std::vector<sock_filter>& filter) {
  outer.expect(Step::kMapsWritten);
  become_root();
  set_up_namespaces(plan);
  outer.expect(Step::kLayersReady);
  run_mounter(plan, outer);
  enter_groups(outer);
  // The groups it is in now are what /proc/1/cgroup calls "/" from here on (cgroup_namespaces(7)).
  check(::unshare(CLONE_NEWCGROUP), "make cgroup namespace", "unshare");
  run_cgroup_mounter(plan, outer);
  if (!plan.network.interfaces.empty()) {
    outer.expect(Step::kLinks);
    configure_inside(plan.network);
  }
  outer.expect(Step::kTreeReady);
  take_tree();
  {
    UniqueFd slave = open_console(outer);
    take_console(slave.get());
  }
  reset_process(plan);
  join_new_session_keyring();
  apply_capabilities(plan.capabilities);
  if (plan.no_new_privileges) check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs", "prctl");
  UniqueFd share;
  if (plan.view) share = load_share_filter();
  // What is open stays open only until exec; the channel's end tells outer that it went through.
  check(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), "close descriptors", "close_range");
  // Changing credentials clears it (prctl(2)), so it comes after them. If the supervisor died before this
  // line, outer died too, and kGo never comes.
  check(::prctl(PR_SET_PDEATHSIG, SIGKILL), "arm pdeathsig", "prctl");
  outer.send(Step::kArmed, 0, share.get());
  outer.expect(Step::kGo);
  load_seccomp(filter);
  exec_init(plan);
}

}  // namespace

void run_inner(const LaunchPlan& plan, Channel& outer, const std::vector<sock_filter>& filter) {
  try {
    live(plan, outer, filter);
  } catch (SysError& e) {
    if (e.stage.empty()) e.stage = "inner";
    outer.send_error(e);
  }
  ::_exit(127);
}

}  // namespace tsct
