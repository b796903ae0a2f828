#pragma once
// What a network of tsct keeps in its run directory. All of it can be made again; none of it outlives the
// host.
//
//   lock            flock: shared while a start uses the network, exclusive to make, mend or remove it
//   ruleset         text of the tables that were loaded last, written when all of the network is up
//   ports.d/LINK    text of the rules of one interface, by the name of its host end
//   hosts.d/KEY     names of one container, dhcp.d/KEY its reservations: dnsmasq reads them by inotify
//   keeper.lock     flock held by tsct-keeper, its pid inside; keeper.log what its child says
#include <string>
#include <vector>

#include "setup/network_plan.h"
#include "sys/unique_fd.h"

namespace tsct {

struct PortFile {
  std::string link, rules;
};

class NetworkFiles {
 public:
  explicit NetworkFiles(const std::string& run_dir) : dir_(run_dir) {}

  // Makes the directories. `how`: LOCK_SH or LOCK_EX; waits for it. Throws SysError.
  UniqueFd lock(int how) const;
  // As lock(), but makes nothing: empty when there is no such network.
  UniqueFd lock_if_there(int how) const;

  std::string ruleset() const;  // "" while it is not up
  void set_ruleset(const std::string& text) const;
  void clear_ruleset() const;

  void write_records(const NetworkUse& network, const std::string& key) const;
  void remove_records(const std::string& key) const;
  // Returns it locked, for who puts the rules in force to hold.
  UniqueFd write_port(const PortFile& port) const;
  // Waits for who holds it.
  void remove_port(const std::string& link) const;
  std::vector<PortFile> ports() const;

  // Under the exclusive lock only.
  void remove_all() const;

  std::string path(const std::string& name) const { return dir_ + "/" + name; }

 private:
  std::string dir_;
};

}  // namespace tsct
