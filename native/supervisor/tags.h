#pragma once
#include <cstdint>

namespace tsct {

// What an epoll event is about; clients count up from kTagClients.
enum Tag : uint32_t {
  kTagSignals,
  kTagTimer,
  kTagSetup,
  kTagListener,
  kTagNotify,
  kTagConsole,
  kTagPorts,
  kTagPortsTimer,
  kTagView,
  kTagViewTimer,
  kTagOom,
  kTagShare,
  kTagShareTimer,
  kTagHostDevices,
  kTagClients
};

}  // namespace tsct
