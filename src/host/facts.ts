import type { HostPath } from '../base/paths.js';

/**
 * What this machine is and has, read once and never changed: the third input of a launch plan. Everything here
 * costs a few file reads (`probeHost`); what has to be tried on the kernel is tried by
 * `tsct check` (kernel-checks.ts).
 */
export interface HostFacts {
  /** uname -m: `x86_64`, `aarch64`, ... */
  readonly architecture: string;
  /** uname -r, for messages only: what the kernel can do is probed. */
  readonly kernelRelease: string;
  /** Host name as uname -n gives it. */
  readonly hostname: string;
  /** 32 hex digits of /etc/machine-id; empty on a host without one. */
  readonly machineId: string;
  /** PID 1 is systemd (sd_booted(3): /run/systemd/system is a directory). */
  readonly systemdIsInit: boolean;
  readonly cgroup: CgroupLayout;
  /** Text of the host's /etc/os-release or /usr/lib/os-release (os-release(5)); empty if it has neither. */
  readonly osRelease: string;
  readonly resolvConf: ResolvConfFacts;
  /** Names in /var/log/journal; absent: no journal is kept on disk. */
  readonly journals?: readonly string[];
  /** The program; absent: it is not installed. */
  readonly lxcfs?: HostPath;
  /** Name below /usr/share/zoneinfo that /etc/localtime points to; absent if it is a plain file or missing. */
  readonly timezone?: string;
  /** Device nodes that a guest may get if the host has them and they can be opened (nspawn since v257). */
  readonly devices: { readonly fuse?: DeviceNumber; readonly tun?: DeviceNumber };
  /** CAP_* names that this process holds in its effective set: a guest can be given no others. */
  readonly capabilities: readonly string[];
  /**
   * getrlimit(2) of this process by OCI name (`RLIMIT_NOFILE`). Raising a hard one takes CAP_SYS_RESOURCE.
   * Node itself raises the soft limit of open files to the hard one.
   */
  readonly rlimits: Readonly<Record<string, LimitPair>>;
  /** Limits of the host's PID 1: what the kernel gives an init (nspawn takes NPROC and SIGPENDING from there). */
  readonly initRlimits: Readonly<Record<string, LimitPair>>;
  /** fs.nr_open: no RLIMIT_NOFILE goes above it. */
  readonly nrOpen: number;
  /** Active security modules, in order (/sys/kernel/security/lsm); empty when securityfs is not mounted. */
  readonly lsms: readonly string[];
  /** Numbers of the logical CPUs that are online. */
  readonly cpus: readonly number[];
  /** Numbers of the memory nodes that are online. */
  readonly memoryNodes: readonly number[];
  readonly memoryBytes: number;
  /** Most tasks that the host can have: the lower of kernel.pid_max and kernel.threads-max. */
  readonly tasksMax: number;
}

export interface CgroupLayout {
  /**
   * systemd: pure v2 and systemd is init, a transient service by D-Bus; v2: pure v2, cgroupfs directly;
   * hybrid: v1 controllers plus a cgroup2 tree.
   */
  readonly driver: 'systemd' | 'v2' | 'hybrid';
  /** Mount point of the cgroup2 hierarchy. */
  readonly unifiedMount: HostPath;
  /** Controllers in the root of the cgroup2 hierarchy (cgroup.controllers). */
  readonly unifiedControllers: readonly string[];
  /** v1 hierarchies; named ones as `name=systemd`. Empty on pure v2. */
  readonly v1: readonly { readonly mount: HostPath; readonly controllers: readonly string[] }[];
  /** The memory controller counts swap (CONFIG_SWAP, and not turned off by swapaccount=0). */
  readonly accountsSwap: boolean;
}

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

export interface LimitPair {
  /** Infinity for `unlimited`. */
  readonly soft: number;
  readonly hard: number;
}

/** Texts of the host's resolver files (systemd-nspawn(1) --resolv-conf=); a missing one is absent. */
export interface ResolvConfFacts {
  /** /etc/resolv.conf, links followed. */
  readonly host?: string;
  /** /usr/lib/systemd/resolv.conf. */
  readonly static?: string;
  /** /run/systemd/resolve/resolv.conf: the servers of systemd-resolved's uplinks. */
  readonly uplink?: string;
  /** /run/systemd/resolve/stub-resolv.conf. */
  readonly stub?: string;
}
