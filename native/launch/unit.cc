#include "launch/unit.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "sys/error.h"

namespace tsct::launch {

namespace {

constexpr const char* kStep = "start transient service";
constexpr uint64_t kSecondUs = 1000000;
// A guest may take this long to power off when the host does.
constexpr uint64_t kStopUs = 90 * kSecondUs;
// Hooks and slow disks; the supervisor's own limits are tighter.
constexpr uint64_t kStartUs = 600 * kSecondUs;

// One (sv) of StartTransientUnit's property list.
template <class... Args>
void property(sd_bus_message* m, const char* name, const char* type, Args... args) {
  must(sd_bus_message_append(m, "(sv)", name, type, args...), kStep, "sd_bus_message_append", name);
}

void list_property(sd_bus_message* m, const char* name, const std::vector<std::string>& values) {
  auto ok = [&](int r) { must(r, kStep, "sd_bus_message_append", name); };
  ok(sd_bus_message_open_container(m, 'r', "sv"));
  ok(sd_bus_message_append(m, "s", name));
  ok(sd_bus_message_open_container(m, 'v', "as"));
  ok(sd_bus_message_open_container(m, 'a', "s"));
  for (const std::string& value : values) ok(sd_bus_message_append(m, "s", value.c_str()));
  for (int i = 0; i < 3; i++) ok(sd_bus_message_close_container(m));
}

// ExecStart= is a(sasb): program, arguments with argv[0], whether a failure is to be ignored.
void command_property(sd_bus_message* m, const std::vector<std::string>& command) {
  auto ok = [&](int r) { must(r, kStep, "sd_bus_message_append", "ExecStart"); };
  ok(sd_bus_message_open_container(m, 'r', "sv"));
  ok(sd_bus_message_append(m, "s", "ExecStart"));
  ok(sd_bus_message_open_container(m, 'v', "a(sasb)"));
  ok(sd_bus_message_open_container(m, 'a', "(sasb)"));
  ok(sd_bus_message_open_container(m, 'r', "sasb"));
  ok(sd_bus_message_append(m, "s", command[0].c_str()));
  ok(sd_bus_message_open_container(m, 'a', "s"));
  for (const std::string& argument : command) ok(sd_bus_message_append(m, "s", argument.c_str()));
  ok(sd_bus_message_close_container(m));
  ok(sd_bus_message_append(m, "b", 0));
  for (int i = 0; i < 4; i++) ok(sd_bus_message_close_container(m));
}

Message start_request(sd_bus* bus, const Unit& unit) {
  Message request = manager_call(bus, "StartTransientUnit");
  sd_bus_message* m = request.get();
  auto ok = [&](int r) { must(r, kStep, "sd_bus_message_append", unit.name); };
  ok(sd_bus_message_append(m, "ss", unit.name.c_str(), "fail"));
  ok(sd_bus_message_open_container(m, 'a', "(sv)"));
  property(m, "Description", "s", unit.description.c_str());
  property(m, "Type", "s", "notify");
  property(m, "NotifyAccess", "s", "main");
  property(m, "Slice", "s", unit.slice.c_str());
  command_property(m, unit.command);
  property(m, "StandardInputFileDescriptor", "h", STDIN_FILENO);
  property(m, "StandardOutputFileDescriptor", "h", STDOUT_FILENO);
  // Where both are of one kind, systemd makes standard error a copy of standard output: it would hold the
  // report.
  property(m, "StandardOutput", "s", "null");
  property(m, "StandardError", "s", "journal");
  // The supervisor makes its own groups below the unit's.
  property(m, "Delegate", "b", 1);
  property(m, "TasksMax", "t", UINT64_MAX);  // the plan's limit is set on the payload
  // Stop: SIGTERM to the supervisor alone, which asks the guest to power off; at the end all that is left is
  // killed.
  property(m, "KillMode", "s", "mixed");
  property(m, "SendSIGHUP", "b", 0);
  property(m, "TimeoutStartUSec", "t", kStartUs);
  property(m, "TimeoutStopUSec", "t", kStopUs);
  property(m, "OOMPolicy", "s", "continue");  // an OOM kill inside is the guest's affair
  property(m, "CollectMode", "s", "inactive-or-failed");
  // Until we leave the bus: else systemd forgets a unit that failed before its exit status is asked for.
  property(m, "AddRef", "b", 1);
  // systemd stops in reverse: the guest is down before what it uses goes. The rest
  // (Conflicts=shutdown.target, After=basic.target, hence local file systems) comes with the default
  // dependencies.
  list_property(m, "After", {"network.target", "remote-fs.target", "dbus.service", "systemd-logind.service"});
  if (!unit.mounts_for.empty()) list_property(m, "RequiresMountsFor", unit.mounts_for);
  ok(sd_bus_message_close_container(m));
  ok(sd_bus_message_append(m, "a(sa(sv))", 0));  // no auxiliary units
  return request;
}

std::string object_path(const std::string& unit) {
  char* path = nullptr;
  must(sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path), kStep, "sd_bus_path_encode",
       unit);
  std::string out = path;
  free(path);
  return out;
}

std::string active_state(sd_bus* bus, const std::string& unit) {
  char* value = nullptr;
  sd_bus_error error = SD_BUS_ERROR_NULL;
  int r = sd_bus_get_property_string(bus, kManagerName, object_path(unit).c_str(),
                                     "org.freedesktop.systemd1.Unit", "ActiveState", &error, &value);
  std::string state = r >= 0 ? value : "";
  sd_bus_error_free(&error);
  free(value);
  return state;
}

// Exit status of the unit's main process; 0 while there is none or the unit is forgotten already.
int main_status(sd_bus* bus, const std::string& unit) {
  int32_t status = 0;
  sd_bus_error error = SD_BUS_ERROR_NULL;
  sd_bus_get_property_trivial(bus, kManagerName, object_path(unit).c_str(),
                              "org.freedesktop.systemd1.Service", "ExecMainStatus", &error, 'i', &status);
  sd_bus_error_free(&error);
  return status;
}

void manager_call_for_unit(sd_bus* bus, const char* member, const std::string& unit) {
  Message request = manager_call(bus, member);
  must(sd_bus_message_append(request.get(), "s", unit.c_str()), kStep, "sd_bus_message_append", unit);
  CallError ignored;  // such a unit is gone: as good
  call(bus, request.get(), ignored);
}

std::string job_path(sd_bus_message* reply) {
  const char* path = nullptr;
  must(sd_bus_message_read(reply, "o", &path), kStep, "sd_bus_message_read", "job");
  return path;
}

// The name is taken by a unit that systemd has not forgotten yet. Waits for one that is ending.
void make_room(sd_bus* bus, Signals& signals, const std::string& unit) {
  std::string state = active_state(bus, unit);
  if (state == "active" || state == "activating" || state == "reloading") {
    refuse(kStep, unit, "a service of this name is " + state, EEXIST);
  }
  if (state == "failed") manager_call_for_unit(bus, "ResetFailedUnit", unit);
  if (state == "deactivating" || state == "failed") signals.wait_removed(kStopUs);
}

}  // namespace

void start_unit(sd_bus* bus, const Unit& unit) {
  Signals signals(bus, unit.name);
  std::string job;
  for (int attempt = 0; job.empty(); attempt++) {
    signals.forget_removed();
    Message request = start_request(bus, unit);
    CallError error;
    Message reply = call(bus, request.get(), error);
    if (reply) {
      job = job_path(reply.get());
    } else if (error.name == "org.freedesktop.systemd1.UnitExists" && attempt < 100) {
      make_room(bus, signals, unit.name);
    } else {
      refuse(kStep, unit.name, error.text, error.err);
    }
  }
  std::string result = signals.wait_job(job);
  if (result == "done") return;
  // 200 and above: systemd could not get as far as exec (systemd.exec(5), "Process exit codes").
  int status = main_status(bus, unit.name);
  if (result == "failed" && status < 200) return;
  std::string detail = "systemd's job ended as " + result;
  if (status) detail += ", exit status " + std::to_string(status);
  refuse(kStep, unit.name, detail + "; journalctl -u " + unit.name + " tells more",
         status == 203 ? ENOEXEC : EIO);
}

void stop_unit(sd_bus* bus, const std::string& name, bool kill) {
  Signals signals(bus, name);
  if (kill) {
    Message request = manager_call(bus, "KillUnit");
    must(sd_bus_message_append(request.get(), "ssi", name.c_str(), "all", SIGKILL), "stop transient service",
         "sd_bus_message_append", name);
    CallError ignored;  // no such unit, or nothing in it any more
    call(bus, request.get(), ignored);
  }
  Message request = manager_call(bus, "StopUnit");
  must(sd_bus_message_append(request.get(), "ss", name.c_str(), "replace"), "stop transient service",
       "sd_bus_message_append", name);
  CallError error;
  Message reply = call(bus, request.get(), error);
  if (!reply) {
    if (error.name == "org.freedesktop.systemd1.NoSuchUnit") return;
    refuse("stop transient service", name, error.text, error.err);
  }
  std::string result = signals.wait_job(job_path(reply.get()));
  if (result != "done") refuse("stop transient service", name, "systemd's job ended as " + result, EIO);
}

}  // namespace tsct::launch
