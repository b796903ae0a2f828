import { getSystemErrorName } from 'node:util';
import { badLine, type CheckLine, okLine } from './check-line.js';

/** What trying one thing on the kernel showed (`ProbeFinding` of supervisor/probe.ts). */
export interface KernelFinding {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: {
    readonly step: string;
    readonly call: string;
    readonly errno: number;
    readonly target: string;
    readonly detail?: string;
  };
}

interface FeatureRow {
  readonly area: CheckLine['area'];
  readonly title: string;
  readonly required: boolean;
  /** What does not work without it; said when it is not required. */
  readonly cost?: string;
  readonly fix: string;
  /** Fixes for what one error number tells. */
  readonly fixes?: Readonly<Record<string, string>>;
}

const MORE_NAMESPACES = `sysctl -w ${['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']
  .map((kind) => `user.max_${kind}_namespaces=100000`)
  .join(' ')}`;
const OTHER_DISK = 'use a state root on ext4, xfs or btrfs: tsct --root DIR, or export TSCT_ROOT=DIR';

/** By name of the finding, in the order of the report. Versions are where mainline got it. */
const FEATURES: Readonly<Record<string, FeatureRow>> = {
  'user-namespace': {
    area: 'kernel',
    title: 'user namespaces with 65536 ids',
    required: true,
    fix: 'boot a kernel with CONFIG_USER_NS=y',
    fixes: { ENOSPC: MORE_NAMESPACES, EUSERS: MORE_NAMESPACES },
  },
  namespaces: {
    area: 'kernel',
    title: 'mount, pid, net, ipc, uts and cgroup namespaces',
    required: true,
    fix: 'boot a kernel with CONFIG_PID_NS, CONFIG_NET_NS, CONFIG_IPC_NS, CONFIG_UTS_NS and CONFIG_CGROUPS',
    fixes: { ENOSPC: MORE_NAMESPACES, EUSERS: MORE_NAMESPACES },
  },
  'guest-mounts': {
    area: 'kernel',
    title: 'proc, sysfs, mqueue, devpts and cgroup2 inside a user namespace',
    required: true,
    fix: 'boot a kernel with CONFIG_POSIX_MQUEUE, CONFIG_SYSFS and CONFIG_CGROUPS',
    // mount_too_revealing: an outer container has masked parts of /proc or /sys.
    fixes: {
      EPERM: 'this host is a container itself: let its own host show it all of /proc and /sys (nesting)',
    },
  },
  'pidfd-setns': {
    area: 'kernel',
    title: 'entering namespaces by pidfd',
    required: true,
    fix: 'boot Linux 5.8 or newer',
  },
  openat2: {
    area: 'kernel',
    title: 'paths that cannot leave a root',
    required: true,
    fix: 'boot Linux 5.6 or newer',
  },
  'sealed-memfd': {
    area: 'kernel',
    title: 'sealed files in memory',
    required: true,
    fix: 'boot a kernel with CONFIG_MEMFD_CREATE=y',
  },
  seccomp: {
    area: 'security',
    title: 'system call filter',
    required: true,
    fix: 'boot a kernel with CONFIG_SECCOMP_FILTER=y',
  },
  'idmapped-mount': {
    area: 'storage',
    title: 'id-mapped mounts',
    required: true,
    fix: `boot Linux 5.12 or newer (6.3 for tmpfs), or ${OTHER_DISK}`,
    fixes: { EINVAL: OTHER_DISK, EROFS: OTHER_DISK },
  },
  overlay: {
    area: 'storage',
    title: 'overlay of id-mapped layers',
    required: false,
    cost: 'every container needs a whole copy of its root',
    fix: 'create containers with --set Storage.Driver=dir, or boot Linux 5.19 or newer with CONFIG_OVERLAY_FS',
    fixes: { ENODEV: 'modprobe overlay', EROFS: OTHER_DISK, ENOSPC: 'free some space below the state root' },
  },
  'user-xattr': {
    area: 'storage',
    title: 'extended attributes of files',
    required: false,
    cost: 'overlays and some packages cannot be stored',
    fix: OTHER_DISK,
  },
  reflink: {
    area: 'storage',
    title: 'files that share blocks',
    required: false,
    cost: 'a copy of a directory tree copies every byte',
    fix: 'use a state root on btrfs or xfs: tsct --root DIR',
  },
  'tmpfs-user-xattr': {
    area: 'storage',
    title: 'overlays whose upper layer is in memory',
    required: false,
    cost: 'Overlay= with an empty upper directory does not work',
    fix: 'boot Linux 6.6 or newer with CONFIG_TMPFS_XATTR=y',
  },
  'clone-into-cgroup': {
    area: 'cgroups',
    title: 'processes born in their control group',
    required: true,
    fix: 'boot Linux 5.7 or newer',
  },
  'cgroup-freeze': {
    area: 'cgroups',
    title: 'freezing',
    required: false,
    cost: 'tsct freeze does not work',
    fix: 'boot Linux 5.2 or newer',
  },
  'cgroup-kill': {
    area: 'cgroups',
    title: 'killing a whole group at once',
    required: false,
    cost: 'a fork bomb inside is killed process by process',
    fix: 'boot Linux 5.14 or newer',
  },
  'device-program': {
    area: 'cgroups',
    title: 'device policy by BPF',
    required: true,
    fix: 'boot a kernel with CONFIG_CGROUP_BPF=y and CONFIG_BPF_SYSCALL=y',
  },
  'device-list': {
    area: 'cgroups',
    title: 'device policy by the v1 controller',
    required: true,
    fix: 'boot a kernel with CONFIG_CGROUP_DEVICE=y',
  },
};

/**
 * Judges what the kernel can do.
 * @param findings of tsct-probe; names that nobody knows are left out.
 */
export function judgeKernel(findings: readonly KernelFinding[]): readonly CheckLine[] {
  const byName = new Map(findings.map((finding) => [finding.name, finding]));
  // Where the v1 controller has the devices, nothing asks for the BPF program.
  if (byName.has('device-list')) byName.delete('device-program');
  return Object.entries(FEATURES).flatMap(([name, row]) => {
    const finding = byName.get(name);
    return finding ? [judgeFeature(row, finding)] : [];
  });
}

function judgeFeature(row: FeatureRow, { ok, error }: KernelFinding): CheckLine {
  if (ok) return okLine(row.area, row.title, 'tried, works', row.required);
  const errno = error?.errno ? getSystemErrorName(-error.errno) : '';
  const why = [error?.step, [error?.call, errno].filter(Boolean).join(': '), error?.detail].filter(Boolean);
  return badLine(row.area, row.title, {
    required: row.required,
    found: [...(row.cost ? [row.cost] : []), `cannot ${why.join(': ')}`].join('; '),
    fix: row.fixes?.[errno] ?? row.fix,
  });
}
