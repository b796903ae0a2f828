#pragma once
// Other ports for the tsct-ports of a container that runs.
#include <map>
#include <vector>

#include "setup/port_holder.h"

namespace tsct {

// In two steps, so that what can fail fails before anything has changed. Ports that are in both stay bound,
// and what is relayed over them goes on. A holder that was killed is made again. Throws SysError.
class PortChange {
 public:
  PortChange(const LaunchPlan& plan, pid_t supervisor) : plan_(plan), supervisor_(supervisor) {}

  // Binds what is new. A port in whose way one of the container's own is that has to go waits for commit().
  void bind();
  void commit();

 private:
  void place(std::vector<PortEntry> wanted);
  void tell(const PortHolder& holder) const;

  const LaunchPlan& plan_;
  pid_t supervisor_;
  std::optional<PortHolder> holder_;
  std::vector<PortEntry> table_;        // as it will be
  std::map<size_t, UniqueFd> sockets_;  // by their places in it
  bool waits_ = false;
};

}  // namespace tsct
