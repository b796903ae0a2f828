#include "launch/bus.h"

#include <time.h>

#include <map>

#include "sys/error.h"

namespace tsct::launch {

int must(int result, const char* step, const char* call, const std::string& target) {
  if (result < 0) {
    errno = -result;
    fail(step, call, target);
  }
  return result;
}

Message manager_call(sd_bus* bus, const char* member) {
  sd_bus_message* m = nullptr;
  must(sd_bus_message_new_method_call(bus, &m, kManagerName, kManagerPath, kManagerInterface, member),
       "ask systemd", "sd_bus_message_new_method_call", member);
  return Message(m);
}

Message call(sd_bus* bus, sd_bus_message* request, CallError& error) {
  sd_bus_error bus_error = SD_BUS_ERROR_NULL;
  sd_bus_message* reply = nullptr;
  int r = sd_bus_call(bus, request, 0, &bus_error, &reply);
  if (r < 0) {
    error = {bus_error.name ? bus_error.name : "", bus_error.message ? bus_error.message : "", -r};
  }
  sd_bus_error_free(&bus_error);
  return Message(reply);
}

Signals::Signals(sd_bus* bus, const std::string& unit) : bus_(bus), unit_(unit) {
  constexpr const char* kStep = "watch systemd's jobs";
  must(sd_bus_match_signal(bus, nullptr, kManagerName, kManagerPath, kManagerInterface, "JobRemoved", on_job,
                           this),
       kStep, "sd_bus_match_signal", "JobRemoved");
  must(sd_bus_match_signal(bus, nullptr, kManagerName, kManagerPath, kManagerInterface, "UnitRemoved",
                           on_unit, this),
       kStep, "sd_bus_match_signal", "UnitRemoved");
  // The manager sends signals only while somebody has subscribed.
  Message subscribe = manager_call(bus, "Subscribe");
  CallError error;
  if (!call(bus, subscribe.get(), error)) refuse(kStep, "Subscribe", error.text, error.err);
}

int Signals::on_job(sd_bus_message* m, void* self, sd_bus_error*) {
  auto* s = static_cast<Signals*>(self);
  uint32_t id;
  const char *path, *unit, *result;
  if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0) return 0;
  // Of this unit only, and the last one: the job's path is not known before the call that makes it returns.
  if (s->unit_ == unit) {
    s->job_path_ = path;
    s->job_result_ = result;
  }
  return 0;
}

int Signals::on_unit(sd_bus_message* m, void* self, sd_bus_error*) {
  auto* s = static_cast<Signals*>(self);
  const char *unit, *path;
  if (sd_bus_message_read(m, "so", &unit, &path) >= 0 && s->unit_ == unit) s->removed_ = true;
  return 0;
}

template <class Done>
bool Signals::wait(Done done, uint64_t timeout_us) {
  auto now_us = [] {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<uint64_t>(t.tv_sec) * 1000000 + static_cast<uint64_t>(t.tv_nsec) / 1000;
  };
  const uint64_t end = timeout_us == UINT64_MAX ? UINT64_MAX : now_us() + timeout_us;
  while (!done()) {
    if (must(sd_bus_process(bus_, nullptr), "wait for systemd", "sd_bus_process", unit_) > 0) continue;
    uint64_t now = now_us();
    if (now >= end) return false;
    must(sd_bus_wait(bus_, end == UINT64_MAX ? UINT64_MAX : end - now), "wait for systemd", "sd_bus_wait",
         unit_);
  }
  return true;
}

std::string Signals::wait_job(const std::string& job_path) {
  wait([&] { return job_path_ == job_path; }, UINT64_MAX);
  return job_result_;
}

bool Signals::wait_removed(uint64_t timeout_us) {
  return wait([&] { return removed_; }, timeout_us);
}

}  // namespace tsct::launch
