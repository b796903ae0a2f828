#include "setup/nft.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kStep = "run nft";
constexpr const char* kPrograms[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft"};
constexpr size_t kSaidBytesMax = 512;
constexpr int kNotThere = 127;

UniqueFd file_in_memory(const char* name) {
  return UniqueFd(check(::memfd_create(name, MFD_CLOEXEC), kStep, "memfd_create"));
}

// Its lines in one, without the quoted source: the fields of an error are handed on in one message.
std::string one_line(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size() && out.size() < kSaidBytesMax;) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    if (size_t word = line.find("Error: "); word != std::string::npos)
      out += (out.empty() ? "" : "; ") + line.substr(word + 7);
  }
  return out.empty() ? text.substr(0, text.find('\n')) : out.substr(0, kSaidBytesMax);
}

[[noreturn]] void exec_nft(int input, int output, const std::vector<int>& locks, int mounts) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  char name[] = "nft", flag[] = "-f", file[] = "-", locale[] = "LC_ALL=C";
  char* argv[] = {name, flag, file, nullptr};
  char* env[] = {locale, nullptr};
  if (::dup2(input, 0) >= 0 && ::dup2(output, 1) >= 0 && ::dup2(output, 2) >= 0) {
    for (int lock : locks) ::fcntl(lock, F_SETFD, 0);
    if (mounts < 0 || ::setns(mounts, CLONE_NEWNS) == 0)
      for (const char* program : kPrograms) ::execve(program, argv, env);
  }
  ::_exit(kNotThere);
}

}  // namespace

NftRun::NftRun(const std::string& text, const std::vector<int>& locks, int mounts) {
  if (text.empty()) {
    done_ = true;
    return;
  }
  UniqueFd input = file_in_memory("tsct-nft");
  for (size_t at = 0; at < text.size();) {
    ssize_t n = check(::write(input.get(), text.data() + at, text.size() - at), kStep, "write");
    at += static_cast<size_t>(n);
  }
  ::lseek(input.get(), 0, SEEK_SET);
  output_ = file_in_memory("tsct-nft-output");
  pid_ = ::vfork();
  if (pid_ == 0) exec_nft(input.get(), output_.get(), locks, mounts);
  check(pid_, kStep, "vfork");
}

NftRun::~NftRun() {
  try {
    finish();
  } catch (const SysError&) {  // whoever wanted to know has asked before
  }
}

bool NftRun::finish() {
  if (done_) return ok_;
  int status = 0;
  pid_t waited;
  do {
    waited = ::waitpid(pid_, &status, 0);
  } while (waited < 0 && errno == EINTR);
  done_ = true;
  ok_ = waited == pid_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (ok_) return true;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotThere)
    refuse(kStep, kPrograms[0], "the program is not there", ENOENT);
  ::lseek(output_.get(), 0, SEEK_SET);
  said_ = one_line(read_fd(output_.get(), kStep, "nft"));
  if (said_.empty()) said_ = WIFSIGNALED(status) ? "it was killed" : "it failed without a word";
  return false;
}

void NftRun::expect(const std::string& step, const std::string& target) {
  if (!finish()) refuse(step, target, said_);
}

}  // namespace tsct
