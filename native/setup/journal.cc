#include "setup/journal.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "setup/json_reader.h"
#include "setup/mount.h"
#include "sys/error.h"
#include "sys/file.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

constexpr const char* kStep = "link journal";
constexpr const char* kJournals = "/var/log/journal";
// What root of a container writes there belongs to the host's root, set-id bits and all: nobody but root gets
// through this directory.
constexpr const char* kStore = ".tsct";

std::string mount_point(const std::string& run_dir) {
  return run_dir + "/journal";
}

std::string link_target(const JournalPlan& plan, const std::string& run_dir) {
  return plan.on_host ? std::string(kStore) + "/" + plan.machine_id : mount_point(run_dir);
}

std::string link_path(const JournalPlan& plan) {
  return std::string(kJournals) + "/" + plan.machine_id;
}

UniqueFd open_journals() {
  return UniqueFd(check(::open(kJournals, O_RDONLY | O_DIRECTORY | O_CLOEXEC), kStep, "open", kJournals));
}

enum class Found { kNothing, kOurs, kDirectory, kOther };

Found look(int journals, const JournalPlan& plan, const std::string& run_dir) {
  struct stat st;
  if (::fstatat(journals, plan.machine_id.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return Found::kNothing;
    fail(kStep, "fstatat", link_path(plan));
  }
  if (S_ISDIR(st.st_mode)) return Found::kDirectory;
  std::string target(4096, '\0');
  ssize_t size = ::readlinkat(journals, plan.machine_id.c_str(), target.data(), target.size());
  target.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return target == link_target(plan, run_dir) ? Found::kOurs : Found::kOther;
}

[[noreturn]] void refuse_taken(const JournalPlan& plan) {
  refuse(kStep, link_path(plan), "something else has its place", EEXIST);
}

void make_link(int journals, const JournalPlan& plan, const std::string& run_dir) {
  std::string target = link_target(plan, run_dir);
  check(::symlinkat(target.c_str(), journals, plan.machine_id.c_str()), kStep, "symlinkat", link_path(plan));
}

// A new directory takes group and default ACL of the one it is made in, which are the host's own.
void own_plainly(int dir, mode_t mode) {
  if (::fremovexattr(dir, "system.posix_acl_default") < 0 && errno != ENODATA && errno != EOPNOTSUPP)
    fail(kStep, "fremovexattr", kStore);
  if (::fremovexattr(dir, "system.posix_acl_access") < 0 && errno != ENODATA && errno != EOPNOTSUPP)
    fail(kStep, "fremovexattr", kStore);
  check(::fchown(dir, 0, 0), kStep, "fchown", kStore);
  check(::fchmod(dir, mode), kStep, "fchmod", kStore);
}

UniqueFd make_plain(int parent, const char* name, mode_t mode, bool made) {
  made = ::mkdirat(parent, name, 0700) == 0 || made;
  if (!made && errno != EEXIST) fail(kStep, "mkdirat", name);
  UniqueFd dir(
      check(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), kStep, "openat", name));
  if (made) own_plainly(dir.get(), mode);
  return dir;
}

void prepare_on_host(int journals, const JournalPlan& plan, const std::string& run_dir) {
  UniqueFd store = make_plain(journals, kStore, 0700, false);
  const char* id = plan.machine_id.c_str();
  Found found = look(journals, plan, run_dir);
  if (found == Found::kOther) refuse_taken(plan);
  if (found == Found::kDirectory) {
    // The admin's, or another manager's: it is taken over with what is in it.
    check(::renameat2(journals, id, store.get(), id, RENAME_NOREPLACE), kStep, "renameat2", link_path(plan));
  }
  make_plain(store.get(), id, 0755, found == Found::kDirectory);
  if (found != Found::kOurs) make_link(journals, plan, run_dir);
}

void prepare_in_guest(int journals, const JournalPlan& plan, const std::string& run_dir) {
  Found found = look(journals, plan, run_dir);
  if (found == Found::kDirectory && ::unlinkat(journals, plan.machine_id.c_str(), AT_REMOVEDIR) == 0)
    found = Found::kNothing;  // nothing was in it
  if (found == Found::kOurs) check(::unlinkat(journals, plan.machine_id.c_str(), 0), kStep, "unlinkat");
  if (found == Found::kDirectory || found == Found::kOther) refuse_taken(plan);
  std::string place = mount_point(run_dir);
  if (::mkdir(place.c_str(), 0700) < 0 && errno != EEXIST) fail(kStep, "mkdir", place);
}

void attach_and_link(const JournalPlan& plan, const std::string& run_dir, int journal) {
  std::string place = mount_point(run_dir);
  UniqueFd to(
      check(::open(place.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), kStep, "open", place));
  attach_mount(journal, to.get(), kStep, place);
  make_link(open_journals().get(), plan, run_dir);
}

}  // namespace

JournalPlan decode_journal(JsonReader r) {
  JournalPlan plan;
  plan.machine_id = r.get<std::string>("machineId");
  if (plan.machine_id.size() != 32 ||
      plan.machine_id.find_first_not_of("0123456789abcdef") != std::string::npos)
    refuse("decode plan", r.where("machineId"), "is no machine-id");
  plan.on_host = r.word("keptBy", {"host", "guest"}) == "host";
  plan.optional = r.get<bool>("optional");
  r.done();
  return plan;
}

void prepare_journal(const JournalPlan& plan, const std::string& run_dir) {
  for (int attempt = 0;; attempt++) {
    try {
      UniqueFd journals = open_journals();
      return plan.on_host ? prepare_on_host(journals.get(), plan, run_dir)
                          : prepare_in_guest(journals.get(), plan, run_dir);
    } catch (const SysError& e) {
      // The end of another container may have taken the empty store away in between.
      bool again = plan.on_host && e.err == ENOENT && e.target != kJournals && attempt < 10;
      if (again) continue;
      if (plan.optional) return;
      throw;
    }
  }
}

UniqueFd take_journal(const JournalPlan& plan, int root_fd) {
  if (plan.on_host) return UniqueFd();
  try {
    std::string path = link_path(plan);
    UniqueFd dir = make_directory_in_root(root_fd, path, kStep);
    UniqueFd mount = clone_mount(dir.get(), false, kStep, path);
    set_mount_attributes(
        mount.get(),
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW,
        0, false, -1, kStep, path);
    return mount;
  } catch (const SysError&) {
    if (!plan.optional) throw;
    return UniqueFd();
  }
}

void show_journal(const JournalPlan& plan, const std::string& run_dir, int journal, int host_mounts) {
  pid_t pid = check(::fork(), kStep, "fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      check(::setns(host_mounts, CLONE_NEWNS), kStep, "setns", "host");
      attach_and_link(plan, run_dir, journal);
    } catch (const SysError& e) {
      ::_exit(e.err ? e.err : EIO);
    }
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  int err = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
  if (err && !plan.optional) refuse(kStep, link_path(plan), "", err);
}

void withdraw_journal(const JournalPlan& plan, const std::string& run_dir) {
  UniqueFd journals(::open(kJournals, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const char* id = plan.machine_id.c_str();
  bool linked = journals && look(journals.get(), plan, run_dir) == Found::kOurs;
  if (plan.on_host) {
    if (!journals || ::unlinkat(journals.get(), link_target(plan, run_dir).c_str(), AT_REMOVEDIR) < 0) return;
    if (linked) ::unlinkat(journals.get(), id, 0);
    ::unlinkat(journals.get(), kStore, AT_REMOVEDIR);  // the last one's
    return;
  }
  if (linked) check(::unlinkat(journals.get(), id, 0), kStep, "unlinkat", link_path(plan));
  std::string place = mount_point(run_dir);
  // EINVAL: nothing was mounted yet. Whoever reads there still keeps what he has open.
  if (::umount2(place.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
    fail(kStep, "umount2", place);
  if (::rmdir(place.c_str()) < 0 && errno != ENOENT) fail(kStep, "rmdir", place);
}

}  // namespace tsct
