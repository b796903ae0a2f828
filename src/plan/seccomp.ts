import { ExitCode, TsctError } from '../base/errors.js';
import { expandSyscalls, KNOWN_SYSCALLS } from '../base/syscalls.js';
import type { SyscallRule } from '../definition/values.js';
import type { OciSeccomp } from './oci.js';

/** Facts of systemd-nspawn's allow-list (nspawn-seccomp.c of systemd 252 to 258), by the groups of systemd.exec(5). */
const ALWAYS_ALLOWED: readonly string[] = (
  '@aio @basic-io @chown @default @file-system @io-event @ipc @keyring @mount @network-io @process @resources ' +
  '@setuid @signal @sync @timer ' +
  'brk cachestat capget capset copy_file_range fadvise64 fadvise64_64 arm_fadvise64_64 flock get_mempolicy getcpu ' +
  'getpriority getrandom ioctl ioprio_get kcmp listns madvise memfd_secret mincore mprotect mremap ' +
  'name_to_handle_at oldolduname olduname personality process_mrelease readahead readdir remap_file_pages ' +
  'sched_get_priority_max sched_get_priority_min sched_getattr sched_getparam sched_getscheduler ' +
  'sched_rr_get_interval sched_rr_get_interval_time64 sched_yield sendfile sendfile64 setdomainname setfsgid ' +
  'setfsgid32 setfsuid setfsuid32 sethostname setpgid setsid splice sysinfo tee umask uname userfaultfd vmsplice'
).split(' ');

const ALLOWED_BY_CAPABILITY: Readonly<Record<string, readonly string[]>> = {
  CAP_BPF: ['bpf'],
  CAP_IPC_LOCK: ['@memlock'],
  CAP_SYSLOG: ['syslog'],
  CAP_SYS_BOOT: ['reboot'],
  CAP_SYS_MODULE: ['@module'],
  CAP_SYS_PACCT: ['acct'],
  CAP_SYS_PTRACE: ['ptrace', 'process_vm_readv', 'process_vm_writev'],
  CAP_SYS_RAWIO: ['@raw-io'],
  CAP_SYS_TIME: ['@clock'],
  CAP_SYS_TTY_CONFIG: ['vhangup'],
};

/** uname -m → the ABIs that its kernel runs, as libseccomp names them, native one first. */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x86_64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  aarch64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

const EPERM = 1;
const EINVAL = 22;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
const AF_NETLINK = 16;
const NETLINK_AUDIT = 9;

interface SeccompSettings {
  readonly systemCallFilter: readonly SyscallRule[];
  readonly suppressSync: boolean;
}

/**
 * The filter: what the list allows goes through, what it knows and refuses is EPERM, what it has never heard of is
 * ENOSYS, so that a newer libc falls back. `~` in SystemCallFilter= wins over everything.
 * @throws TSCT_HOST_ARCHITECTURE (exit 5)
 */
export function buildSeccomp(
  machine: string,
  capabilities: readonly string[],
  exec: SeccompSettings,
): OciSeccomp {
  const architectures = ARCHITECTURES[machine];
  if (!architectures) {
    throw new TsctError('TSCT_HOST_ARCHITECTURE', `cannot filter system calls: no list for ${machine}`, {
      exitCode: ExitCode.HostLacks,
      hint: `tsct runs on ${Object.keys(ARCHITECTURES).join(' and ')}`,
    });
  }
  const rules = exec.systemCallFilter;
  const refused = new Set(expandSyscalls(rules.filter((rule) => !rule.isAllowed).map((rule) => rule.name)));
  const allowed = new Set(
    expandSyscalls([
      ...ALWAYS_ALLOWED,
      ...capabilities.flatMap((name) => ALLOWED_BY_CAPABILITY[name] ?? []),
      ...rules.filter((rule) => rule.isAllowed).map((rule) => rule.name),
    ]).filter((name) => !refused.has(name)),
  );
  // What depends on arguments has rules of its own, if it is allowed at all.
  const special = [...SOCKET_RULES, ...(exec.suppressSync ? NO_SYNC_RULES : [])].filter(({ names }) =>
    names.every((name) => allowed.has(name)),
  );
  const handled = new Set(special.flatMap(({ names }) => names));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    architectures,
    syscalls: [
      { names: [...allowed].filter((name) => !handled.has(name)).sort(), action: 'SCMP_ACT_ALLOW' },
      {
        names: KNOWN_SYSCALLS.filter((name) => !allowed.has(name)),
        action: 'SCMP_ACT_ERRNO',
        errnoRet: EPERM,
      },
      ...special,
    ],
  };
}

/**
 * Audit is not namespaced: a guest that finds the socket would believe in it and fail later (systemd checks for
 * EAFNOSUPPORT). Conditions of one rule must all hold.
 */
const SOCKET_RULES: OciSeccomp['syscalls'] = [
  { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: AF_NETLINK, op: 'SCMP_CMP_NE' }] },
  {
    names: ['socket'],
    action: 'SCMP_ACT_ALLOW',
    args: [{ index: 2, value: NETLINK_AUDIT, op: 'SCMP_CMP_NE' }],
  },
  {
    names: ['socket'],
    action: 'SCMP_ACT_ERRNO',
    errnoRet: EAFNOSUPPORT,
    args: [
      { index: 0, value: AF_NETLINK, op: 'SCMP_CMP_EQ' },
      { index: 2, value: NETLINK_AUDIT, op: 'SCMP_CMP_EQ' },
    ],
  },
];

/** O_DSYNC, of which O_SYNC is a superset, on x86 and arm (open(2)). */
const O_DSYNC = 0o10000;

/** SuppressSync=: success without the work; what asks for the work with each write is refused. */
const NO_SYNC_RULES: OciSeccomp['syscalls'] = [
  ...expandSyscalls(['@sync']).map(
    (name) => ({ names: [name], action: 'SCMP_ACT_ERRNO', errnoRet: 0 }) as const,
  ),
  // Its flags are in memory, where no filter can look.
  { names: ['openat2'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ...(
    [
      ['open', 1],
      ['openat', 2],
    ] as const
  ).flatMap(([name, index]) => {
    const flags = (valueTwo: number) => [{ index, value: O_DSYNC, valueTwo, op: 'SCMP_CMP_MASKED_EQ' }];
    return [
      { names: [name], action: 'SCMP_ACT_ALLOW', args: flags(0) },
      { names: [name], action: 'SCMP_ACT_ERRNO', errnoRet: EINVAL, args: flags(O_DSYNC) },
    ] as const;
  }),
];
