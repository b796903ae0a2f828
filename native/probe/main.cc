// tsct-probe: what this kernel really does, found out by trying it, as one JSON object on stdout.
//
//   tsct-probe DIR UNIFIED [DEVICES]
//
// DIR is a directory of the file system that containers live on, UNIFIED the mount point of the cgroup2 tree,
// DEVICES that of the v1 devices controller. An empty argument leaves out what needs it. Exit code: 0
// whatever was found, 2 wrong usage, 1 when nothing could be tried.
#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "probe/attempt.h"
#include "probe/probes.h"
#include "sys/syscalls.h"

namespace tsct {
namespace {

int remove_entry(const char* path, const struct stat*, int, FTW*) {
  return ::remove(path);
}

void remove_tree(const std::string& path) {
  ::nftw(path.c_str(), remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void remove_group(const std::string& path) {
  ::rmdir(path.c_str());
}

// Removes what this probe, or one that was killed, left in a directory: a name PREFIX-PID tells whose it is.
void sweep(const std::string& dir, const std::string& prefix, void (*remove)(const std::string&)) {
  DIR* entries = dir.empty() ? nullptr : ::opendir(dir.c_str());
  if (!entries) return;
  while (dirent* entry = ::readdir(entries)) {
    std::string name = entry->d_name;
    if (!name.starts_with(prefix)) continue;
    pid_t pid = atoi(name.c_str() + prefix.size());
    if (pid > 0 && (pid == ::getpid() || (::kill(pid, 0) < 0 && errno == ESRCH))) remove(dir + "/" + name);
  }
  ::closedir(entries);
}

// Scratch directory in DIR for what cannot be tried without files.
class Scratch {
 public:
  explicit Scratch(const std::string& dir) {
    constexpr const char* kPrefix = ".tsct-probe-";
    sweep(dir, kPrefix, remove_tree);
    path_ = dir + "/" + kPrefix + std::to_string(::getpid());
    check(::mkdir(path_.c_str(), 0700), "make a scratch directory", "mkdir", path_);
  }
  ~Scratch() { remove_tree(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    char escaped[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20) {
      snprintf(escaped, sizeof escaped, "\\u%04x", c);
      out += escaped;
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + "\"";
}

std::string json_finding(const Finding& finding) {
  std::string out = "{\"name\":" + json_string(finding.name);
  if (!finding.error) return out + ",\"ok\":true}";
  const SysError& e = *finding.error;
  return out + ",\"ok\":false,\"error\":{\"stage\":\"probe\",\"step\":" + json_string(e.step) +
         ",\"call\":" + json_string(e.call) + ",\"errno\":" + std::to_string(e.err) +
         ",\"target\":" + json_string(e.target) + ",\"detail\":" + json_string(e.detail) + "}}";
}

std::vector<Finding> probe_all(const std::string& dir, const std::string& unified,
                               const std::string& devices) {
  std::vector<Finding> found;
  auto add = [&](const char* name, const std::function<void()>& function) {
    found.push_back(attempt(name, function));
  };
  add("user-namespace", probe_user_namespace);
  add("namespaces", probe_namespaces);
  add("pidfd-setns", probe_pidfd_setns);
  add("guest-mounts", probe_guest_mounts);
  add("openat2", probe_openat2);
  add("sealed-memfd", probe_sealed_memfd);
  add("seccomp", probe_seccomp);
  add("tmpfs-user-xattr", probe_tmpfs_user_xattr);
  if (!dir.empty()) {
    add("idmapped-mount", [&] { probe_idmapped_mount(dir); });
    add("user-xattr", [&] { probe_user_xattr(dir); });
    add("reflink", [&] { probe_reflink(dir); });
    try {
      Scratch scratch(dir);
      add("overlay", [&] { probe_overlay(scratch.path()); });
    } catch (const SysError& e) {
      found.push_back({"overlay", e});
    }
  }
  if (!unified.empty()) {
    add("clone-into-cgroup", [&] { probe_clone_into_cgroup(unified); });
    add("cgroup-freeze", [&] { probe_cgroup_freeze(unified); });
    add("cgroup-kill", [&] { probe_cgroup_kill(unified); });
    add("device-program", [&] { probe_device_program(unified); });
  }
  if (!devices.empty()) add("device-list", [&] { probe_device_list(devices); });
  // An attempt that ran into its time limit had no chance to clean up.
  for (const std::string& mount : {unified, devices}) sweep(mount, "tsct-probe-", remove_group);
  return found;
}

int run(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    fputs("usage: tsct-probe DIR UNIFIED [DEVICES]\n", stderr);
    return 2;
  }
  std::string out;
  for (const Finding& finding : probe_all(argv[1], argv[2], argc > 3 ? argv[3] : "")) {
    out += out.empty() ? "" : ",\n  ";
    out += json_finding(finding);
  }
  printf("{\"format\":1,\"findings\":[\n  %s\n]}\n", out.c_str());
  return fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace tsct

int main(int argc, char** argv) {
  try {
    return tsct::run(argc, argv);
  } catch (const tsct::SysError& e) {
    fprintf(stderr, "tsct-probe: cannot %s %s: %s: %s\n", e.step.c_str(), e.target.c_str(), e.call.c_str(),
            strerror(e.err));
    return 1;
  }
}
