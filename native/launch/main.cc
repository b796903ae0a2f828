// tsct-launch: on a host run by systemd, puts a supervisor into a transient service of its own, so that it
// inherits nothing of a login session and ends cleanly with the host.
//
//   tsct-launch --unit NAME [--slice NAME] [--description TEXT] [--mounts-for DIR]... -- PROGRAM ARG...
//   tsct-launch --stop|--kill --unit NAME
//
//   stdin, stdout   become the service's: the plan and the start report
//   stderr          a failure to launch, one JSON line (NativeError in src/supervisor/protocol.ts); exit 1,
//   usage 2
#include <getopt.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "launch/unit.h"
#include "sys/error.h"

namespace {

using namespace tsct;
using namespace tsct::launch;

nlohmann::json to_json(const SysError& e) {
  nlohmann::json j = {
      {"stage", "launch"}, {"step", e.step}, {"call", e.call}, {"errno", e.err}, {"target", e.target}};
  if (!e.detail.empty()) j["detail"] = e.detail;
  return j;
}

void print(FILE* to, const nlohmann::json& j) {
  std::string line = j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  fputs(line.c_str(), to);
}

int usage() {
  fputs(
      "usage: tsct-launch --unit NAME [--slice NAME] [--description TEXT] [--mounts-for DIR]... -- PROGRAM "
      "ARG...\n"
      "       tsct-launch --stop|--kill --unit NAME\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  static const option kOptions[] = {{"unit", required_argument, nullptr, 'u'},
                                    {"slice", required_argument, nullptr, 'S'},
                                    {"description", required_argument, nullptr, 'd'},
                                    {"mounts-for", required_argument, nullptr, 'm'},
                                    {"stop", no_argument, nullptr, 's'},
                                    {"kill", no_argument, nullptr, 'k'},
                                    {}};
  Unit unit;
  bool stop = false, kill = false;
  for (int c; (c = getopt_long(argc, argv, "+", kOptions, nullptr)) != -1;) {
    if (c == 'u') {
      unit.name = optarg;
    } else if (c == 'S') {
      unit.slice = optarg;
    } else if (c == 'd') {
      unit.description = optarg;
    } else if (c == 'm') {
      unit.mounts_for.emplace_back(optarg);
    } else if (c == 's' || c == 'k') {
      stop = true;
      kill = kill || c == 'k';
    } else {
      return usage();
    }
  }
  unit.command.assign(argv + optind, argv + argc);
  if (unit.name.empty() || stop != unit.command.empty()) return usage();
  if (!unit.name.ends_with(".service")) unit.name += ".service";
  if (unit.description.empty()) unit.description = unit.name;

  try {
    sd_bus* raw = nullptr;
    must(sd_bus_open_system(&raw), "reach systemd", "sd_bus_open_system", "the system bus");
    Bus bus(raw);
    if (stop) {
      stop_unit(bus.get(), unit.name, kill);
    } else {
      start_unit(bus.get(), unit);
    }
    return 0;
  } catch (const SysError& e) {
    print(stderr, to_json(e));
    if (!stop) print(stdout, {{"event", "failed"}, {"error", to_json(e)}});
    return 1;
  }
}
