#include "setup/seccomp.h"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cctype>
#include <cstring>
#include <map>
#include <memory>

#include "sys/error.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

namespace tsct {

namespace {

constexpr const char* kStep = "compile seccomp filter";

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

// libseccomp returns -errno and leaves errno alone.
void must(int result, const char* call, const std::string& target) {
  if (result >= 0) return;
  errno = -result;
  fail(kStep, call, target);
}

// OCI's `SCMP_ARCH_X86_64` is libseccomp's "x86_64".
uint32_t architecture(const std::string& name) {
  constexpr std::string_view kPrefix = "SCMP_ARCH_";
  std::string lower;
  if (name.starts_with(kPrefix)) {
    for (char c : name.substr(kPrefix.size())) lower += static_cast<char>(tolower(c));
  }
  uint32_t token = lower.empty() || lower == "native" ? 0 : seccomp_arch_resolve_name(lower.c_str());
  if (token == 0) refuse(kStep, name, "no architecture that libseccomp knows", EINVAL);
  return token;
}

scmp_compare compare_op(const std::string& op) {
  static constexpr std::pair<const char*, scmp_compare> kOps[] = {{"SCMP_CMP_NE", SCMP_CMP_NE},
                                                                  {"SCMP_CMP_LT", SCMP_CMP_LT},
                                                                  {"SCMP_CMP_LE", SCMP_CMP_LE},
                                                                  {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                                                  {"SCMP_CMP_GE", SCMP_CMP_GE},
                                                                  {"SCMP_CMP_GT", SCMP_CMP_GT},
                                                                  {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
  for (auto& [name, value] : kOps) {
    if (op == name) return value;
  }
  refuse(kStep, op, "no comparison that libseccomp knows", EINVAL);
}

std::vector<scmp_arg_cmp> conditions(const SeccompRule& rule) {
  std::vector<scmp_arg_cmp> out;
  unsigned seen = 0;
  for (const SeccompArg& arg : rule.args) {
    std::string target =
        (rule.names.empty() ? "?" : rule.names[0]) + " args[" + std::to_string(arg.index) + "]";
    if (arg.index > 5) refuse(kStep, target, "a system call has arguments 0 to 5", EINVAL);
    if (seen & (1u << arg.index)) refuse(kStep, target, "two conditions on one argument", EINVAL);
    seen |= 1u << arg.index;
    // MASKED_EQ: value is the mask, value_two what is compared (runtime-spec, config-linux.md).
    out.push_back({arg.index, compare_op(arg.op), arg.value, arg.value_two});
  }
  return out;
}

// seccomp_export_bpf_mem() is newer than the libseccomp 2.5 of Debian 12: the other one writes to a
// descriptor.
std::vector<sock_filter> export_bpf(void* context) {
  UniqueFd fd(check(::memfd_create("seccomp", MFD_CLOEXEC), kStep, "memfd_create"));
  must(seccomp_export_bpf(context, fd.get()), "seccomp_export_bpf", "");
  check(::lseek(fd.get(), 0, SEEK_SET), kStep, "lseek");
  std::string bytes = read_fd(fd.get(), kStep, "filter");
  std::vector<sock_filter> filter(bytes.size() / sizeof(sock_filter));
  memcpy(filter.data(), bytes.data(), filter.size() * sizeof(sock_filter));
  return filter;
}

}  // namespace

std::vector<sock_filter> compile_seccomp(const SeccompPlan& plan) {
  const uint32_t default_action = SCMP_ACT_ERRNO(static_cast<uint16_t>(plan.default_errno));
  Context context(seccomp_init(default_action), seccomp_release);
  if (!context) refuse(kStep, "", "libseccomp did not take the default action", EINVAL);
  if (plan.architectures.empty()) refuse(kStep, "architectures", "none given", EINVAL);

  bool native = false;
  for (const std::string& name : plan.architectures) {
    uint32_t token = architecture(name);
    native = native || token == seccomp_arch_native();
    int result = seccomp_arch_add(context.get(), token);
    if (result != -EEXIST) must(result, "seccomp_arch_add", name);
  }
  if (!native)
    must(seccomp_arch_remove(context.get(), seccomp_arch_native()), "seccomp_arch_remove", "native");

  // A call by an architecture that is not in the list fails as an unknown call does; libseccomp would kill.
  must(seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, default_action), "seccomp_attr_set",
       "BADARCH");
  // Init must be able to run set-id programs, so no_new_privs is not for the loader to set.
  must(seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0), "seccomp_attr_set", "CTL_NNP");
  // A binary tree: with some 350 calls a chain would cost each call up to 350 comparisons (libseccomp 2.5).
  must(seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "seccomp_attr_set", "CTL_OPTIMIZE");

  std::map<std::string, uint32_t> actions;
  for (const SeccompRule& rule : plan.rules) {
    uint32_t action = rule.allow ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(static_cast<uint16_t>(rule.errno_ret));
    if (action == default_action) continue;  // says nothing new, and libseccomp refuses it
    std::vector<scmp_arg_cmp> args = conditions(rule);
    for (const std::string& name : rule.names) {
      // libseccomp takes both of two plain rules that contradict each other, and says nothing.
      if (args.empty() && actions.try_emplace(name, action).first->second != action) {
        refuse(kStep, name, "both allowed and refused, or refused in two ways", EINVAL);
      }
      int number = seccomp_syscall_resolve_name(name.c_str());
      if (number == __NR_SCMP_ERROR) continue;
      int result = seccomp_rule_add_array(context.get(), action, number, static_cast<unsigned>(args.size()),
                                          args.empty() ? nullptr : args.data());
      if (result != -EDOM) must(result, "seccomp_rule_add", name);  // EDOM: not on this architecture
    }
  }
  std::vector<sock_filter> filter = export_bpf(context.get());
  if (filter.empty() || filter.size() > BPF_MAXINSNS)
    refuse(kStep, "", "longer than the kernel takes", E2BIG);
  return filter;
}

std::vector<sock_filter> seccomp_filter(const SeccompPlan& plan, const std::string& cache_dir,
                                        std::string* path) {
  // libseccomp is linked statically, so this is the version that compiled whatever lies in the cache.
  const scmp_version* version = seccomp_version();
  std::string name = fnv128_hex(plan.canonical + "\nlibseccomp " + std::to_string(version->major) + "." +
                                std::to_string(version->minor) + "." + std::to_string(version->micro)) +
                     ".bpf";
  std::string file = cache_dir + "/" + name;
  if (path) *path = file;
  if (auto cached = read_seccomp_file(file)) return *cached;
  std::vector<sock_filter> filter = compile_seccomp(plan);
  write_seccomp_file(cache_dir, name, filter);
  return filter;
}

}  // namespace tsct
