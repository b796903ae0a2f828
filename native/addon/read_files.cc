#include "addon/read_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

#include "sys/unique_fd.h"

namespace tsct {
namespace {

// What one thread takes at a time. A few files are sooner read than a thread is made.
constexpr size_t kShare = 64;
constexpr size_t kThreadsMax = 4;

std::optional<std::string> read_one(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text;
  char part[16384];
  for (;;) {
    ssize_t n = ::read(fd.get(), part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) return text;
    text.append(part, static_cast<size_t>(n));
  }
}

}  // namespace

std::vector<std::optional<std::string>> read_files(const std::vector<std::string>& paths) {
  std::vector<std::optional<std::string>> texts(paths.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t from; (from = next.fetch_add(kShare)) < paths.size();) {
      const size_t to = std::min(from + kShare, paths.size());
      for (size_t i = from; i < to; i++) texts[i] = read_one(paths[i]);
    }
  };
  const size_t useful =
      std::min({kThreadsMax, size_t{std::thread::hardware_concurrency()}, paths.size() / kShare});
  std::vector<std::jthread> others;
  try {
    while (others.size() + 1 < useful) others.emplace_back(work);
  } catch (const std::system_error&) {  // no more threads to be had: with those that there are
  }
  work();
  others.clear();  // joins
  return texts;
}

}  // namespace tsct
