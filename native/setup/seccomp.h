#pragma once
#include <string>
#include <vector>

#include "setup/plan.h"
#include "setup/seccomp_file.h"

namespace tsct {

// The plan's filter as BPF: from `<cache_dir>/<hash of the list and libseccomp's version>.bpf`, else compiled
// by libseccomp (6–10 ms for nspawn's list on three architectures) and put there. A damaged file counts as
// missing. `path`, if given, gets where the file lies: tsct-exec puts what enters later under the same
// filter, so a file that cannot be written is an error and not just a slow start. Names that this libseccomp
// does not know, or that an architecture does not have, are left out: the default action meets them. Throws
// SysError.
std::vector<sock_filter> seccomp_filter(const SeccompPlan& plan, const std::string& cache_dir,
                                        std::string* path);

// The same without any file. Throws SysError.
std::vector<sock_filter> compile_seccomp(const SeccompPlan& plan);

}  // namespace tsct
