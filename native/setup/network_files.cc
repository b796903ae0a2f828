#include "setup/network_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "setup/service_dir.h"
#include "sys/error.h"
#include "sys/file.h"

namespace tsct {
namespace {

constexpr const char* kStep = "keep records of network";

// Seen whole or not at all. dnsmasq passes over names that begin with a dot.
void put_file(const std::string& directory, const std::string& name, const std::string& text) {
  std::string part = directory + "/." + name, whole = directory + "/" + name;
  UniqueFd fd(check(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644), kStep,
                    "open", part));
  for (size_t at = 0; at < text.size();)
    at += static_cast<size_t>(
        check(::write(fd.get(), text.data() + at, text.size() - at), kStep, "write", part));
  check(::rename(part.c_str(), whole.c_str()), kStep, "rename", whole);
}

// By way of the name that dnsmasq passes over: it would look for the file at each of its events, for several
// milliseconds, and has to be told afterwards all the same.
void remove_file(const std::string& directory, const std::string& name) {
  std::string part = directory + "/." + name, whole = directory + "/" + name;
  if (::rename(whole.c_str(), part.c_str()) < 0 && errno != ENOENT) fail(kStep, "rename", whole);
  if (::unlink(part.c_str()) < 0 && errno != ENOENT) fail(kStep, "unlink", part);
}

}  // namespace

UniqueFd NetworkFiles::lock_if_there(int how) const {
  return lock_service_dir_if_there(dir_, how);
}

UniqueFd NetworkFiles::lock(int how) const {
  return lock_service_dir(dir_, how);
}

std::string NetworkFiles::ruleset() const {
  try {
    return read_file(AT_FDCWD, path("ruleset"), kStep);
  } catch (const SysError& e) {
    if (e.err != ENOENT) throw;
    return "";
  }
}

void NetworkFiles::set_ruleset(const std::string& text) const {
  put_file(dir_, "ruleset", text);
}

void NetworkFiles::clear_ruleset() const {
  remove_file(dir_, "ruleset");
}

void NetworkFiles::write_records(const NetworkUse& network, const std::string& key) const {
  for (const auto& [name, text] : {std::pair{"hosts.d", network.hosts}, {"dhcp.d", network.dhcp}}) {
    std::string directory = path(name);
    if (text.empty())
      remove_file(directory, key);
    else
      put_file(directory, key, text);
  }
}

void NetworkFiles::remove_records(const std::string& key) const {
  for (const char* name : {"hosts.d", "dhcp.d"}) remove_file(path(name), key);
}

UniqueFd NetworkFiles::write_port(const PortFile& port) const {
  put_file(path("ports.d"), port.link, port.rules);
  std::string name = path("ports.d/" + port.link);
  UniqueFd fd(check(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW), kStep, "open", name));
  lock_file(fd.get(), LOCK_SH, name);
  return fd;
}

void NetworkFiles::remove_port(const std::string& link) const {
  std::string name = path("ports.d/" + link);
  UniqueFd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd) lock_file(fd.get(), LOCK_EX, name);
  remove_file(path("ports.d"), link);
}

std::vector<PortFile> NetworkFiles::ports() const {
  std::vector<PortFile> out;
  std::string directory = path("ports.d");
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
  if (!dir && errno != ENOENT) fail(kStep, "opendir", directory);
  while (dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    if (entry->d_name[0] == '.') continue;
    // Under the shared lock others end meanwhile, and theirs go.
    try {
      out.push_back({entry->d_name, read_file(::dirfd(dir.get()), entry->d_name, kStep)});
    } catch (const SysError& e) {
      if (e.err != ENOENT) throw;
    }
  }
  return out;
}

void NetworkFiles::remove_all() const {
  remove_service_dir(dir_);
  ::rmdir(dir_.substr(0, dir_.rfind('/')).c_str());  // with the last network
}

}  // namespace tsct
