#pragma once
#include <string>
#include <vector>

#include "launch/bus.h"

namespace tsct::launch {

struct Unit {
  std::string name;  // with .service
  std::string description;
  std::vector<std::string> command;  // absolute program first
  std::string slice = "tsct.slice";
  std::vector<std::string> mounts_for;  // directories whose file systems must outlive the unit
};

// Has systemd start `unit` as a transient service with our descriptors 0 and 1 as its own. Returns once the
// supervisor has said READY=1 or has ended; throws SysError only when it was never executed: how its start
// went is for the supervisor itself to report. systemd keeps both descriptors open as long as the service
// lives: the report's reader stops at the newline and does not wait for the end of the file.
void start_unit(sd_bus* bus, const Unit& unit);

// Stops it and waits until that is done; one that does not exist is stopped. `kill`: SIGKILL to everything in
// it first, in place of asking the supervisor. Throws SysError.
void stop_unit(sd_bus* bus, const std::string& name, bool kill);

}  // namespace tsct::launch
