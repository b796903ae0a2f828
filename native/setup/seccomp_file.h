#pragma once
// A compiled seccomp filter in a file, and its loading. Apart from seccomp.h so that tsct-exec, which only
// takes over what tsct-setup compiled, needs no libseccomp.
#include <linux/filter.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tsct {

// 128-bit FNV-1a in hex. It tells filters apart and finds damage; it guards against nobody who can write
// there.
std::string fnv128_hex(std::string_view data);

// Nothing when the file is missing, damaged, not a regular file of ours or not a filter. Never throws for
// those.
std::optional<std::vector<sock_filter>> read_seccomp_file(const std::string& path);

// Makes the directory (0700, its parents 0755) where it is missing; the file comes whole or not at all: 0600,
// temporary name, fsync, rename. Throws SysError.
void write_seccomp_file(const std::string& dir, const std::string& name,
                        const std::vector<sock_filter>& filter);

// Puts the calling thread under the filter (seccomp(2), no TSYNC: the stages have one thread). From here on
// what the filter refuses is refused to the caller too, so this is the last step but exec. Needs
// CAP_SYS_ADMIN in its user namespace, or no_new_privs. Throws SysError.
void load_seccomp(const std::vector<sock_filter>& filter);

}  // namespace tsct
