#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace tsct {

// Who runs the command, from the container's own /etc/passwd and /etc/group, read by hand: NSS would load
// the guest's libraries into a program of the host. Those of BindUser= are in records of nss-systemd(8).
struct User {
  std::string name;  // the number as text when the container does not know it
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
  std::string home = "/";
  std::string shell = "/bin/sh";
};

// `spec` is USER or USER:GROUP, each a name or a number; empty: root. A number that nobody has
// is allowed: its group is the same number, its home /. Called inside the container, as its root. Throws
// Failure for an unknown name.
User find_user(const std::string& spec);

}  // namespace tsct
