// Compiling and caching the filter, and what the kernel then lets through.
#include "setup/seccomp.h"

#include <doctest/doctest.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>

#include "sys/error.h"

using namespace tsct;

namespace {

struct TemporaryDirectory {
  char path[32] = "/tmp/tsct-native-XXXXXX";
  TemporaryDirectory() { REQUIRE(mkdtemp(path)); }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

SeccompPlan small_plan() {
  SeccompPlan plan;
  plan.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
#ifdef __aarch64__
  plan.architectures = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#endif
  SeccompRule allowed;
  allowed.allow = true;
  allowed.names = {"read", "write", "exit_group", "no_such_call", "s390_pci_mmio_read"};
  SeccompRule refused;
  refused.names = {"mount"};
  refused.errno_ret = EPERM;
  SeccompRule linux_only;
  linux_only.allow = true;
  linux_only.names = {"personality"};
  linux_only.args = {{0, PER_LINUX, 0, "SCMP_CMP_EQ"}};
  plan.rules = {allowed, refused, linux_only};
  plan.canonical = "small";
  return plan;
}

// Runs `probe` under the filter in a child; its result is the exit status.
int under(const std::vector<sock_filter>& filter, const std::function<int()>& probe) {
  pid_t pid = fork();
  if (pid == 0) {
    int status = 200;
    try {
      load_seccomp(filter);
      status = probe();
    } catch (const SysError& e) {
      status = e.err == EACCES ? 201 : 200;
    }
    syscall(SYS_exit_group, status);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int error_of(long result) {
  return result < 0 ? errno : 0;
}

}  // namespace

TEST_CASE("allowed calls work, listed ones fail as listed, others with the default error") {
  if (geteuid() != 0) return;
  auto filter = compile_seccomp(small_plan());
  CHECK(under(filter, [] { return error_of(syscall(SYS_mount, "a", "b", "c", 0, 0)); }) == EPERM);
  CHECK(under(filter, [] { return error_of(syscall(SYS_getuid)); }) == ENOSYS);
  CHECK(under(filter, [] { return error_of(syscall(SYS_personality, PER_LINUX)); }) == 0);
  CHECK(under(filter, [] { return error_of(syscall(SYS_personality, PER_LINUX32)); }) == ENOSYS);
  CHECK(under(filter, [] { return error_of(syscall(SYS_write, -1, "", 0)); }) == EBADF);
}

TEST_CASE("the cache gives back what was compiled; a damaged, foreign or empty file is made anew") {
  TemporaryDirectory temporary;
  std::string dir = std::string(temporary.path) + "/parent/filters", file;
  auto first = seccomp_filter(small_plan(), dir, &file);
  struct stat st;
  REQUIRE(stat(dir.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0700);
  REQUIRE(stat(file.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0600);
  REQUIRE(read_seccomp_file(file));
  CHECK(read_seccomp_file(file)->size() == first.size());
  auto inode = st.st_ino;
  CHECK(seccomp_filter(small_plan(), dir, nullptr).size() == first.size());
  stat(file.c_str(), &st);
  CHECK(st.st_ino == inode);

  auto made_anew = [&] {
    CHECK_FALSE(read_seccomp_file(file));
    CHECK(seccomp_filter(small_plan(), dir, nullptr).size() == first.size());
    CHECK(read_seccomp_file(file));
  };
  SUBCASE("one bit") {
    std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
    f.seekp(60);
    char byte = static_cast<char>(f.peek() ^ 1);
    f.seekp(60);
    f.put(byte);
    f.close();
    made_anew();
  }
  SUBCASE("cut") {
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 8);
    made_anew();
  }
  SUBCASE("empty") {
    std::filesystem::resize_file(file, 0);
    made_anew();
  }
  SUBCASE("writable by others") {
    chmod(file.c_str(), 0666);
    made_anew();
  }
  SUBCASE("a symlink") {
    std::filesystem::rename(file, file + ".other");
    std::filesystem::create_symlink(file + ".other", file);
    made_anew();
  }
  CHECK(std::distance(std::filesystem::directory_iterator(dir), {}) <= 2);  // no temporary files
}

TEST_CASE("another list has another file") {
  TemporaryDirectory temporary;
  std::string a, b;
  SeccompPlan plan = small_plan();
  seccomp_filter(plan, temporary.path, &a);
  plan.canonical += " ";
  seccomp_filter(plan, temporary.path, &b);
  CHECK(a != b);
}

TEST_CASE("what cannot be compiled is refused") {
  auto refused = [](auto change) {
    SeccompPlan plan = small_plan();
    change(plan);
    CHECK_THROWS_AS(compile_seccomp(plan), SysError);
  };
  refused([](SeccompPlan& p) { p.architectures = {}; });
  refused([](SeccompPlan& p) { p.architectures = {"SCMP_ARCH_Z80"}; });
  refused([](SeccompPlan& p) { p.architectures = {"x86_64"}; });
  refused([](SeccompPlan& p) { p.rules[1].names = {"read"}; });  // allowed above
  refused([](SeccompPlan& p) { p.rules[2].args[0].op = "=="; });
  refused([](SeccompPlan& p) { p.rules[2].args[0].index = 6; });
  refused([](SeccompPlan& p) { p.rules[2].args.push_back(p.rules[2].args[0]); });
}
