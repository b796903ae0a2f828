#include "setup/seccomp_file.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "sys/error.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

namespace tsct {

namespace {

constexpr std::string_view kMagic = "tsctbpf1";
constexpr size_t kHashBytes = 32;  // hex
constexpr size_t kHeaderBytes = 8 + kHashBytes;
constexpr size_t kInstructionsMax = BPF_MAXINSNS;

}  // namespace

std::string fnv128_hex(std::string_view data) {
  using u128 = unsigned __int128;
  u128 hash = (u128{0x6c62272e07bb0142} << 64) | 0x62b821756295c58d;
  const u128 prime = (u128{1} << 88) | 0x13b;
  for (unsigned char byte : data) hash = (hash ^ byte) * prime;
  std::string hex;
  for (int shift = 124; shift >= 0; shift -= 4) {
    hex += "0123456789abcdef"[static_cast<unsigned>(hash >> shift) & 15];
  }
  return hex;
}

std::optional<std::vector<sock_filter>> read_seccomp_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) < 0) return {};
  // A filter decides what a guest may do: one that somebody else could have written is no filter of ours.
  if (!S_ISREG(st.st_mode) || st.st_uid != ::geteuid() || (st.st_mode & 022)) return {};
  auto size = static_cast<size_t>(st.st_size);
  if (size <= kHeaderBytes || size > kHeaderBytes + kInstructionsMax * sizeof(sock_filter)) return {};
  std::string content(size, '\0');
  if (::read(fd.get(), content.data(), size) != static_cast<ssize_t>(size)) return {};
  std::string_view body = std::string_view(content).substr(kHeaderBytes);
  if (!content.starts_with(kMagic) || body.size() % sizeof(sock_filter) != 0) return {};
  if (content.compare(kMagic.size(), kHashBytes, fnv128_hex(body)) != 0) return {};
  std::vector<sock_filter> filter(body.size() / sizeof(sock_filter));
  memcpy(filter.data(), body.data(), body.size());
  return filter;
}

void write_seccomp_file(const std::string& dir, const std::string& name,
                        const std::vector<sock_filter>& filter) {
  constexpr const char* kStep = "cache seccomp filter";
  if (size_t slash = dir.rfind('/'); slash != 0 && slash != std::string::npos) {
    make_directories(dir.substr(0, slash), kStep);
  }
  if (::mkdir(dir.c_str(), 0700) < 0 && errno != EEXIST) fail(kStep, "mkdir", dir);
  std::string_view body(reinterpret_cast<const char*>(filter.data()), filter.size() * sizeof(sock_filter));
  std::string content = std::string(kMagic) + fnv128_hex(body) + std::string(body);

  // Two starts may write the same filter at once: each has a temporary file of its own, the last rename wins.
  std::string path = dir + "/" + name, temporary = dir + "/." + name + ".XXXXXX";
  UniqueFd fd(check(::mkostemp(temporary.data(), O_CLOEXEC), kStep, "mkostemp", temporary));
  ssize_t n = ::write(fd.get(), content.data(), content.size());
  const char* call = n < 0 ? "write" : ::fsync(fd.get()) < 0 ? "fsync" : nullptr;
  if (n >= 0 && n != static_cast<ssize_t>(content.size())) {
    call = "write";
    errno = ENOSPC;
  }
  if (!call && ::rename(temporary.c_str(), path.c_str()) < 0) call = "rename";
  if (call) {
    int err = errno;
    ::unlink(temporary.c_str());
    errno = err;
    fail(kStep, call, path);
  }
}

void load_seccomp(const std::vector<sock_filter>& filter) {
  sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  check(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program), "load seccomp filter", "seccomp");
}

}  // namespace tsct
