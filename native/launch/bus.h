#pragma once
// The systemd manager over D-Bus: org.freedesktop.systemd1(5).
#include <systemd/sd-bus.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tsct::launch {

struct BusDeleter {
  void operator()(sd_bus* b) const { sd_bus_flush_close_unref(b); }
  void operator()(sd_bus_message* m) const { sd_bus_message_unref(m); }
};
using Bus = std::unique_ptr<sd_bus, BusDeleter>;
using Message = std::unique_ptr<sd_bus_message, BusDeleter>;

constexpr const char* kManagerName = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManagerInterface = "org.freedesktop.systemd1.Manager";

// A method of the manager, ready for its arguments. Throws SysError.
Message manager_call(sd_bus* bus, const char* member);

// sd-bus returns -errno; throws it as a SysError of `call`.
int must(int result, const char* step, const char* call, const std::string& target);

// Calls and waits; on an error that D-Bus names, returns null and fills `error_name`, `error_text`.
struct CallError {
  std::string name, text;
  int err = 0;
};
Message call(sd_bus* bus, sd_bus_message* request, CallError& error);

// Watches the manager's signals from construction on, so that none between a call and its wait is missed.
class Signals {
 public:
  Signals(sd_bus* bus, const std::string& unit);
  // Result of a job of this unit: done, failed, canceled, timeout, dependency, skipped. Blocks. Throws
  // SysError.
  std::string wait_job(const std::string& job_path);
  // Blocks until the manager has forgotten the unit; false after `timeout_us`. Throws SysError.
  bool wait_removed(uint64_t timeout_us);
  void forget_removed() { removed_ = false; }

 private:
  static int on_job(sd_bus_message* m, void* self, sd_bus_error*);
  static int on_unit(sd_bus_message* m, void* self, sd_bus_error*);
  template <class Done>
  bool wait(Done done, uint64_t timeout_us);

  sd_bus* bus_;
  std::string unit_, job_path_, job_result_;
  bool removed_ = false;
};

}  // namespace tsct::launch
