#include "archive/changes.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "sys/error.h"

namespace tsct::archive {

namespace {

// Fields that end in a zero byte.
class Fields {
 public:
  explicit Fields(int fd) : fd_(fd), buffer_(64 << 10) {}

  // False at the end; what comes after the last zero byte is not told.
  bool next(std::string& field) {
    field.clear();
    for (;;) {
      while (at_ < end_) {
        char c = buffer_[at_++];
        if (c == '\0') return true;
        field += c;
      }
      ssize_t n = ::read(fd_, buffer_.data(), buffer_.size());
      if (n < 0 && errno == EINTR) continue;
      if (check(n, "read changes", "read") == 0) return false;
      at_ = 0;
      end_ = static_cast<size_t>(n);
    }
  }

 private:
  const int fd_;
  std::vector<char> buffer_;
  size_t at_ = 0, end_ = 0;
};

class ChangeWalker {
 public:
  ChangeWalker(int list_fd, const std::function<void(const Found&)>& visit,
               const std::function<void(const std::string&)>& gone)
      : fields_(list_fd), visit_(visit), gone_(gone) {}

  void run(int root_fd) {
    auto root = std::make_shared<UniqueFd>(
        check(::openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open directory", "openat", "."));
    levels_.push_back({"", root});
    visit_(look(root, ".", ""));
    std::string field;
    while (fields_.next(field)) {
      if (field == ".") return;
      const std::string path = normalise(std::string_view(field).substr(1));
      size_t slash = path.rfind('/');
      enter(slash == std::string::npos ? "" : path.substr(0, slash));
      if (field[0] == '+')
        tell(path);
      else
        gone_(path);
    }
    refuse("read changes", "", "the list ends too early");
  }

 private:
  struct Level {
    std::string path;
    std::shared_ptr<UniqueFd> fd;

    bool holds(const std::string& other) const {
      return path.empty() || other == path || other.starts_with(path + '/');
    }
  };

  // Goes to a directory; those on the way that were not told are.
  void enter(const std::string& path) {
    while (!levels_.back().holds(path)) levels_.pop_back();
    while (levels_.back().path != path) {
      size_t from = levels_.back().path.empty() ? 0 : levels_.back().path.size() + 1;
      tell(path.substr(0, path.find('/', from)));
      if (!levels_.back().holds(path)) refuse("read changes", path, "it is not in a directory");
    }
  }

  // The directory that it is in is the last one entered.
  void tell(const std::string& path) {
    Found found = look(levels_.back().fd, path.substr(path.rfind('/') + 1), path);
    links_.look_up(found);
    visit_(found);
    if (found.entry.is(S_IFDIR)) levels_.push_back({path, std::make_shared<UniqueFd>(open_found(found))});
  }

  Fields fields_;
  const std::function<void(const Found&)>& visit_;
  const std::function<void(const std::string&)>& gone_;
  std::vector<Level> levels_;  // from the top down to where we are
  LinkTable links_;
};

}  // namespace

void walk_changes(int root_fd, int list_fd, const std::function<void(const Found&)>& visit,
                  const std::function<void(const std::string& path)>& gone) {
  ChangeWalker(list_fd, visit, gone).run(root_fd);
}

}  // namespace tsct::archive
