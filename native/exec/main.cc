// tsct-exec: lets a command into a running container, or joins its console. Runs as the last process in line
// (`tsct` has become it by execve), so its words and its exit code are what the user gets.
#include <sys/prctl.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>

#include "exec/console.h"
#include "exec/failure.h"
#include "exec/options.h"
#include "exec/privileges.h"
#include "exec/session.h"
#include "exec/target.h"

namespace tsct {

namespace {

int run_exec(const ExecOptions& options) {
  fill_closed_streams();
  // From here on for all that is forked: a process that has entered can be traced by the guest's root only
  // when it is the guest's own program (after exec).
  hide_from_guest();
  Target target = find_target(options.socket);
  CommandPlan plan{options, target, choose_routes(options.tty)};
  return Session(plan).run();
}

// Runs one job and words its failure: `tsct: cannot WHAT: why`.
int report(const std::string& what, const std::function<int()>& job) {
  Failure failure;
  try {
    return job();
  } catch (const Failure& f) {
    failure = f;
  } catch (const SysError& error) {
    failure.reason = reason_of(error);
  } catch (const std::exception& error) {
    failure.reason = error.what();
  }
  fprintf(stderr, "tsct: cannot %s: %s\n", what.c_str(), failure.reason.c_str());
  if (!failure.hint.empty()) fprintf(stderr, "Hint: %s\n", failure.hint.c_str());
  return failure.exit_code;
}

int main_exec(int argc, char** argv) {
  ExecOptions options;
  int code = report("run tsct-exec", [&] { return options = parse_exec_options(argc, argv), 0; });
  if (code != 0) return code;
  std::string name = container_name(options.socket);
  std::string what = options.login ? "attach to " + name : "run " + options.command[0] + " in " + name;
  return report(what, [&] { return run_exec(options); });
}

int main_console(int argc, char** argv) {
  ConsoleOptions options;
  int code = report("run tsct-exec", [&] { return options = parse_console_options(argc, argv), 0; });
  if (code != 0) return code;
  return report("show the console of " + container_name(options.socket), [&] {
    fill_closed_streams();
    return run_console(options);
  });
}

}  // namespace

}  // namespace tsct

int main(int argc, char** argv) {
  const char* job = argc > 1 ? argv[1] : "";
  if (!strcmp(job, "exec")) return tsct::main_exec(argc - 1, argv + 1);
  if (!strcmp(job, "console")) return tsct::main_console(argc - 1, argv + 1);
  fprintf(stderr, "tsct-exec: the first word must be exec or console: see tsct-exec(1)\n");
  return tsct::kExitOwnFailure;
}
