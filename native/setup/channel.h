#pragma once
// Numbered steps between the stages of one start, over a SOCK_SEQPACKET pair.
//
//   outer (tsct-setup)                          inner (clone of it, init to be)
//     |--- kMapsWritten ------------------------->|  becomes root of its user namespace
//     |--- kLayersReady ------------------------->|  layers stand id-mapped in the staging directory
//     |<-- kMounted {index, fd} ------------------|  by its child "mounter", once per file system
//     |<-- kMountedAll ---------------------------|
//     |--- kGroup {fd}, kGroupsAll -------------->|  `tasks` of each cgroup of v1: it enters them; then its
//     |                                           |  cgroup namespace may be made
//     |<-- kMounted {index, fd}, kMountedAll -----|  the cgroup2 of that namespace
//     |--- kLinks ----------------------------->|  if the plan has any: it gives them addresses and routes
//     |--- kTreeReady --------------------------->|  outer has built the tree and pivoted into it
//     |<-- kConsole {fd} -------------------------|  pty master of the container's own devpts
//     |<-- kArmed {fd} ---------------------------|  everything done, pdeathsig set; fd: what hears of
//     |                                           |  calls that tell of the whole host (share_filter.h)
//     |--- kGo ---------------------------------->|  the supervisor holds all it needs
//     |<-- end of file: exec went through --------|
//     |<-- kFailed {error} -----------------------|  instead, at any point
#include <cstdint>
#include <string>

#include "sys/error.h"
#include "sys/unique_fd.h"

namespace tsct {

enum class Step : uint32_t {
  kMapsWritten = 1,
  kLayersReady,
  kMounted,
  kMountedAll,
  kGroup,
  kGroupsAll,
  kLinks,
  kTreeReady,
  kConsole,
  kArmed,
  kGo,
  kFailed,
};

// Index of the root overlay among what the mounter makes; others are indexes into LaunchPlan::mounts.
constexpr uint32_t kRootMount = 0xffffffff;

struct StepMessage {
  Step step = Step::kFailed;
  uint32_t index = 0;
  UniqueFd fd;
  bool end = false;  // the other side is gone
};

class Channel {
 public:
  Channel() = default;
  explicit Channel(UniqueFd fd) : fd_(std::move(fd)) {}
  static void pair(Channel& a, Channel& b);

  void send(Step step, uint32_t index = 0, int fd = -1) const;
  void send_error(const SysError& error) const;
  // Throws the other side's SysError when it says kFailed.
  StepMessage receive() const;
  // Receives exactly this step; anything else is an error.
  StepMessage expect(Step step) const;
  int get() const { return fd_.get(); }
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

// A SysError as the `key=value` text that also goes to the supervisor (supervisor/handshake.h), and back.
std::string error_fields(const SysError& error);
SysError error_from_fields(const char* text, size_t size);

}  // namespace tsct
