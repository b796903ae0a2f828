#pragma once
#include "exec/options.h"

namespace tsct {

// Shows the end of the console's log, then joins caller and console until the user detaches or the container
// ends; a reboot is no end. Returns the exit code. Throws Failure, SysError.
int run_console(const ConsoleOptions& options);

}  // namespace tsct
