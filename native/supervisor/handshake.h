#pragma once
// What tsct-setup hands to the supervisor that runs it, over a SOCK_SEQPACKET pair (fd 3 of tsct-setup).
//
//   setup                               supervisor
//     |--- kSettings ----------------------->|   run directory, cgroups, policies; answers kAck once the
//     |<-- kAck -----------------------------|   control socket listens, or kRefused {error}
//     |--- kHold {fd} ---------------------->|   id range locks: kept open until the end
//     |--- kNotify {fd} -------------------->|   datagram socket bound at /run/host/notify
//     |--- kDevices {fd} ------------------->|   the container's own /dev, whatever is mounted over it later
//     |--- kView {fd} ---------------------->|   connection to the keeper of lxcfs (keeper/view.cc)
//     |--- kInit {pid, pidfd} -------------->|   init is cloned (child of the supervisor), waits for kGo
//     |--- kConsole {master} --------------->|
//     |<-- kAck -----------------------------|   everything is held: init may exec, its pdeathsig is armed
//     |--- kShare {fd} --------------------->|   listener of calls that tell of the host (share.cc)
//     |--- kStarted ------------------------>|   init's exec went through (its close-on-exec socket closed)
//     |--- kFailed {error} ----------------->|   instead, at any point; setup has undone its part
//
// Payload after the header is text: `key=value` strings, each with its NUL. kSettings and kFailed use it.
#include <cstdint>

namespace tsct {

constexpr int kSetupSocketFd = 3;
constexpr int kMessageBytesMax = 8192;

enum class SetupMessage : uint32_t {
  kSettings = 1,
  kHold = 2,
  kNotify = 3,
  kInit = 4,
  kConsole = 5,
  kStarted = 6,
  kFailed = 7,
  kAck = 8,
  kRefused = 9,
  kDevices = 10,
  kView = 11,
  kShare = 12,
};

struct SetupHeader {
  SetupMessage type;
  int32_t number;  // kInit: pid on the host
};

}  // namespace tsct
