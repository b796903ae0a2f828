// The program of cgroup v2, on a real group: hybrid hosts have that hierarchy too, though containers there
// get v1's list.
#include "setup/device_policy.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "setup/plan.h"
#include "sys/unique_fd.h"

using namespace tsct;

namespace {

class Group {
 public:
  Group() {
    struct stat st;
    std::string mount =
        stat("/sys/fs/cgroup/unified", &st) == 0 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
    path_ = mount + "/tsct-test-" + std::to_string(getpid());
    REQUIRE(mkdir(path_.c_str(), 0755) == 0);
    fd_.reset(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Group() { rmdir(path_.c_str()); }
  int fd() const { return fd_.get(); }

  // 0, or errno of opening a device in it.
  int opening(const char* device, int flags) const {
    pid_t pid = fork();
    if (pid == 0) {
      std::ofstream(path_ + "/cgroup.procs") << getpid();
      _exit(open(device, flags) >= 0 ? 0 : errno);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

const DeviceRule kNothing{false, 'a', {}, {}, "rwm"};

}  // namespace

TEST_CASE("the program allows what a rule names, and the next one takes its place") {
  Group group;
  CHECK(group.opening("/dev/zero", O_RDWR) == 0);
  attach_device_policy(group.fd(), {kNothing, {true, 'c', 1, 5, "r"}, {true, 'c', 1, 3, "rw"}});
  CHECK(group.opening("/dev/zero", O_RDONLY) == 0);
  CHECK(group.opening("/dev/zero", O_WRONLY) == EPERM);
  CHECK(group.opening("/dev/zero", O_RDWR) == EPERM);
  CHECK(group.opening("/dev/null", O_RDWR) == 0);
  CHECK(group.opening("/dev/full", O_RDONLY) == EPERM);
  // Two rules that each allow a part.
  attach_device_policy(group.fd(), {kNothing, {true, 'c', 1, 7, "r"}, {true, 'c', 1, {}, "w"}});
  CHECK(group.opening("/dev/full", O_RDWR) == 0);
  CHECK(group.opening("/dev/zero", O_WRONLY) == 0);
  CHECK(group.opening("/dev/zero", O_RDONLY) == EPERM);
}
