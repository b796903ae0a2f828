#include "setup/group_protection.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <limits>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace tsct {
namespace {

constexpr const char* kStep = "set group limit";
constexpr const char* kFiles[] = {"memory.min", "memory.low"};
constexpr uint64_t kEverything = std::numeric_limits<uint64_t>::max();

// Of a file that is not there, or cannot be read: nothing.
std::string text_in(int dir, const std::string& file) {
  UniqueFd fd(::openat(dir, file.c_str(), O_RDONLY | O_CLOEXEC));
  char text[32];
  ssize_t n = fd ? ::read(fd.get(), text, sizeof text) : 0;
  std::string out(text, n > 0 ? static_cast<size_t>(n) : 0);
  return out.substr(0, out.find('\n'));
}

bool write_text(int dir, const char* file, const std::string& text) {
  UniqueFd fd(::openat(dir, file, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

uint64_t amount_in(const std::string& text) {
  return text == "max" ? kEverything : strtoull(text.c_str(), nullptr, 10);
}

uint64_t sum_below(int dir, const char* file) {
  UniqueFd copy(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* list = copy ? ::fdopendir(copy.get()) : nullptr;
  if (!list) return 0;
  copy.release();
  uint64_t sum = 0;
  while (dirent* entry = ::readdir(list)) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    uint64_t one = amount_in(text_in(dir, std::string(entry->d_name) + "/" + file));
    sum = one > kEverything - sum ? kEverything : sum + one;
  }
  ::closedir(list);
  return sum;
}

std::string note_of(int dir, const std::string& name) {
  char text[32];
  ssize_t n = ::fgetxattr(dir, name.c_str(), text, sizeof text);
  return std::string(text, n > 0 ? static_cast<size_t>(n) : 0);
}

// What we have set is noted on the group: anything else is somebody else's, and stays.
void share_in(int dir, const std::string& group, const char* file) {
  std::string note = std::string("trusted.tsct.") + file, now = text_in(dir, file);
  if (now.empty() || (now != "0" && now != note_of(dir, note))) return;
  uint64_t sum = sum_below(dir, file);
  if (amount_in(now) == sum) return;
  if (!write_text(dir, file, sum == kEverything ? "max" : std::to_string(sum)))
    refuse(kStep, group + "/" + file,
           "what is kept for a container is kept only as far as for the groups above it", errno);
  std::string kept = text_in(dir, file);  // in whole pages
  ::fsetxattr(dir, note.c_str(), kept.data(), kept.size(), 0);
}

}  // namespace

void share_protection(const std::string& mount, const std::string& group) {
  std::string above = group.substr(0, group.rfind('/'));
  for (; above.size() > mount.size(); above.resize(above.rfind('/'))) {
    UniqueFd dir(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir && errno == ENOENT) continue;  // it ended with the last one in it
    // Two that sum up at once would each miss what the other has set since.
    if (!dir || ::flock(dir.get(), LOCK_EX) < 0) fail(kStep, dir ? "flock" : "open", above);
    for (const char* file : kFiles) share_in(dir.get(), above, file);
  }
}

bool drop_protection(const std::string& group) {
  UniqueFd dir(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  bool had = false;
  for (const char* file : kFiles) {
    std::string now = dir ? text_in(dir.get(), file) : "";
    if (now.empty() || now == "0") continue;
    had = true;
    write_text(dir.get(), file, "0");
  }
  return had;
}

}  // namespace tsct
