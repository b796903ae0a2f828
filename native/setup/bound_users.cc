// BindUser=: whom the container's own passwd and group have is not to be somebody else's as well: `files`
// comes before `systemd` in nsswitch.conf(5), and an id would have two names.
#include "setup/bound_users.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <sstream>

#include "setup/json_reader.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr off_t kDatabaseBytesMax = 1 << 20;

// Empty if it is missing. The container's: it may be anything.
std::string read_database(int root_fd, const std::string& path) {
  UniqueFd fd;
  try {
    fd = open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, "bind user");
  } catch (const SysError& e) {
    if (e.err == ENOENT || e.err == ENOTDIR) return "";
    throw;
  }
  struct stat st;
  check(::fstat(fd.get(), &st), "bind user", "fstat", path);
  if (!S_ISREG(st.st_mode) || st.st_size > kDatabaseBytesMax)
    refuse("bind user", path, "is not a file of accounts");
  return read_fd(fd.get(), "bind user", path);
}

// Name, password, id: passwd(5) and group(5) agree so far.
void refuse_taken(const std::vector<BoundUser>& users, const std::string& path, const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name, password, id;
    std::getline(fields, name, ':');
    std::getline(fields, password, ':');
    std::getline(fields, id, ':');
    for (const auto& user : users)
      if (user.name == name || std::to_string(user.id) == id)
        refuse("bind user", user.name, path + " of the container has " + name + " (" + id + ") already",
               EEXIST);
  }
}

}  // namespace

BoundUser decode_bound_user(JsonReader& r) {
  return {r.get<std::string>("name"), r.get<uint32_t>("id")};
}

void refuse_taken_accounts(const std::vector<BoundUser>& users, int root_fd) {
  if (users.empty()) return;
  for (const char* path : {"/etc/passwd", "/etc/group"})
    refuse_taken(users, path, read_database(root_fd, path));
}

}  // namespace tsct
