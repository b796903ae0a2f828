#pragma once

namespace tsct::copy {

// Points at which a test kills this program, each between two changes on disk that a crash must not tear
// apart; the table is in faults.cc. Same variable as src/base/fault.ts.
void fault(const char* point);

// One name a line, on stdout.
void print_fault_points();

}  // namespace tsct::copy
