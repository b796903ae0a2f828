#include "exec/user.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "exec/failure.h"
#include "sys/unique_fd.h"

namespace tsct {

namespace {

constexpr const char* kPasswd = "/etc/passwd";
constexpr const char* kGroup = "/etc/group";
constexpr const char* kRecords = "/run/host/userdb/";
constexpr size_t kDatabaseBytesMax = 16 << 20;

using Fields = std::vector<std::string_view>;

// The guest's file, which may be anything: never wait for a fifo, never read without end. Empty when there is
// none.
std::string read_database(const char* path) {
  UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) < 0 || !S_ISREG(st.st_mode)) return "";
  std::string text;
  char buffer[65536];
  for (ssize_t n; text.size() < kDatabaseBytesMax && (n = ::read(fd.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  return text;
}

Fields split(std::string_view text, char separator) {
  Fields fields;
  for (size_t at = 0;;) {
    size_t end = text.find(separator, at);
    fields.push_back(text.substr(at, end - at));
    if (end == std::string_view::npos) return fields;
    at = end + 1;
  }
}

// Ids are decimal and below the reserved -1 (credentials(7)).
std::optional<uint32_t> parse_id(std::string_view text) {
  uint32_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || id == UINT32_MAX) return {};
  return id;
}

// Calls fn with the fields of every line that has enough of them, until fn returns true.
template <class Fn>
void each_entry(const std::string& database, size_t fields_min, Fn&& fn) {
  for (std::string_view line : split(database, '\n')) {
    Fields fields = split(line, ':');
    if (fields.size() >= fields_min && !fields[0].empty() && fn(fields)) return;
  }
}

// A record of systemd's (USER_RECORD, GROUP_RECORD of systemd.io), by name or number: BindUser= has them
// there.
class Record {
 public:
  Record(const std::string& spec, const char* kind) {
    if (spec.find('/') == std::string::npos)
      json_ = nlohmann::json::parse(read_database((kRecords + spec + "." + kind).c_str()), nullptr, false);
  }
  std::string text(const char* key) const {
    auto value = at(key);
    return value.is_string() ? value.get<std::string>() : "";
  }
  std::optional<uint32_t> id(const char* key) const {
    auto value = at(key);
    if (!value.is_number_unsigned() || value.get<uint64_t>() >= UINT32_MAX) return {};
    return value.get<uint32_t>();
  }

 private:
  nlohmann::json at(const char* key) const {
    return json_.is_object() ? json_.value(key, nlohmann::json()) : nlohmann::json();
  }
  nlohmann::json json_;
};

bool find_user_record(const std::string& spec, User& user) {
  Record record(spec, "user");
  auto uid = record.id("uid"), gid = record.id("gid");
  std::string name = record.text("userName");
  if (!uid || !gid || name.empty()) return false;
  user = User{name, *uid, *gid, {}, record.text("homeDirectory"), record.text("shell")};
  return true;
}

// passwd(5): name:password:uid:gid:comment:home:shell. A name wins over a number that looks the same.
bool find_entry(const std::string& spec, User& user) {
  std::string passwd = read_database(kPasswd);
  std::optional<uint32_t> number = parse_id(spec);
  bool found = false;
  for (bool by_name : {true, false}) {
    each_entry(passwd, 7, [&](const Fields& f) {
      auto uid = parse_id(f[2]), gid = parse_id(f[3]);
      if (!uid || !gid || !(by_name ? f[0] == spec : uid == number)) return false;
      user = User{std::string(f[0]), *uid, *gid, {}, std::string(f[5]), std::string(f[6])};
      return found = true;
    });
    if (found) break;
  }
  if (!found) found = find_user_record(spec, user);
  if (user.home.empty() || user.home[0] != '/') user.home = "/";
  if (user.shell.empty()) user.shell = "/bin/sh";  // passwd(5)
  return found;
}

// group(5): name:password:gid:members.
gid_t find_group(const std::string& groups, const std::string& spec) {
  std::optional<uint32_t> found;
  each_entry(groups, 4, [&](const Fields& f) {
    if (f[0] == spec) found = parse_id(f[2]);
    return found.has_value();
  });
  if (!found) found = Record(spec, "group").id("gid");
  if (!found) found = parse_id(spec);
  if (!found) throw Failure{kExitOwnFailure, "there is no group " + spec + " in its /etc/group", ""};
  return *found;
}

void add_memberships(const std::string& groups, User& user) {
  each_entry(groups, 4, [&](const Fields& f) {
    Fields members = split(f[3], ',');
    auto gid = parse_id(f[2]);
    bool is_member = std::find(members.begin(), members.end(), user.name) != members.end();
    bool is_new = gid && std::find(user.groups.begin(), user.groups.end(), *gid) == user.groups.end();
    if (is_member && is_new && user.groups.size() < NGROUPS_MAX) user.groups.push_back(*gid);
    return false;
  });
}

}  // namespace

User find_user(const std::string& spec) {
  size_t colon = spec.find(':');
  std::string wanted = spec.substr(0, colon);
  User user;
  if (!find_entry(wanted.empty() ? "0" : wanted, user)) {
    std::optional<uint32_t> number = wanted.empty() || wanted == "root" ? 0 : parse_id(wanted);
    if (!number) throw Failure{kExitOwnFailure, "there is no user " + wanted + " in its /etc/passwd", ""};
    user.uid = user.gid = *number;
    user.name = *number == 0 ? "root" : wanted;
    if (*number == 0) user.home = "/root";
  }
  std::string groups = read_database(kGroup);
  user.groups.push_back(user.gid);
  add_memberships(groups, user);
  if (colon != std::string::npos) {
    user.gid = find_group(groups, spec.substr(colon + 1));
    user.groups[0] = user.gid;
  }
  return user;
}

}  // namespace tsct
