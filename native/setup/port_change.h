#pragma once
// Other ports for the tsct-ports of a container that runs.
#include <map>
#include <vector>

#include "setup/port_holder.h"
#include "sys/error.h"

namespace tsct {

// In two steps, so that what can fail fails before anything has changed. Ports that are in both stay bound,
// and what is relayed over them goes on. A holder that was killed is made again. Throws SysError.
class PortChange {
 public:
  PortChange(const LaunchPlan& plan, pid_t supervisor) : plan_(plan), supervisor_(supervisor) {}

  // Binds what is new. A port in whose way one of the container's own is that has to go waits for commit().
  void bind();
  // What another process has is left to it.
  void bind_free();
  void commit();
  // The first that bind_free() could not have.
  const std::optional<SysError>& refused() const { return refused_; }

 private:
  void place(std::vector<PortEntry> wanted);
  void tell(const PortHolder& holder) const;

  const LaunchPlan& plan_;
  pid_t supervisor_;
  std::optional<PortHolder> holder_;
  std::vector<PortEntry> table_;        // as it will be
  std::map<size_t, UniqueFd> sockets_;  // by their places in it
  std::optional<SysError> refused_;
  bool only_free_ = false;
  bool waits_ = false;
};

// Has published ports bound again after tsct-ports was killed, by order of the supervisor, whose child this
// is. Throws SysError where one is somebody else's by now, with the others bound.
void hold_ports_again(const LaunchPlan& plan);

}  // namespace tsct
