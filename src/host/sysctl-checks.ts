import { badLine, type CheckLine, okLine } from './check-line.js';
import { readOptional } from './optional-file.js';

interface SysctlRow {
  /** sysctl(8) name. */
  readonly name: string;
  /** Enough for some hundred busy containers. */
  readonly wanted: number;
  /** What runs out below it. */
  readonly cost: string;
  /** Below this no container runs at all. */
  readonly requiredMin?: number;
}

const NAMESPACES = 'each container takes several';

/**
 * Kernel settings that many containers exhaust together. Counts per user are per container here, since each one's
 * ids are a user of their own to the kernel; the others are shared by the whole host.
 */
const SYSCTLS: readonly SysctlRow[] = [
  {
    name: 'fs.inotify.max_user_instances',
    wanted: 128,
    cost: 'systemd inside fails with "too many open files"',
  },
  { name: 'fs.inotify.max_user_watches', wanted: 65536, cost: 'file watchers inside fail with ENOSPC' },
  {
    name: 'kernel.keys.maxkeys',
    wanted: 1000,
    cost: 'services inside fail to start: each has a session keyring',
  },
  {
    name: 'kernel.keys.maxbytes',
    wanted: 100000,
    cost: 'services inside fail to start: each has a session keyring',
  },
  { name: 'kernel.pty.max', wanted: 4096, cost: 'no more terminals, logins or tsct exec -t, host included' },
  { name: 'kernel.pid_max', wanted: 131072, cost: 'no more processes on the whole host' },
  { name: 'kernel.threads-max', wanted: 65536, cost: 'no more threads on the whole host' },
  { name: 'vm.max_map_count', wanted: 65530, cost: 'databases and JVMs inside refuse to start' },
  { name: 'fs.aio-max-nr', wanted: 65536, cost: 'databases inside cannot use asynchronous I/O' },
  { name: 'fs.nr_open', wanted: 524288, cost: 'no process inside can have more open files' },
  {
    name: 'net.ipv4.neigh.default.gc_thresh3',
    wanted: 1024,
    cost: 'neighbour table overflow: packets are lost',
  },
  {
    name: 'net.ipv6.neigh.default.gc_thresh3',
    wanted: 1024,
    cost: 'neighbour table overflow: packets are lost',
  },
  ...['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'].map((kind) => ({
    name: `user.max_${kind}_namespaces`,
    wanted: 1000,
    cost: NAMESPACES,
    requiredMin: 1,
  })),
];

const FILE = '/etc/sysctl.d/60-tsct.conf';

/**
 * Judges kernel settings.
 * @param values by name; one that is absent is not in this kernel and left out.
 */
export function judgeSysctls(values: ReadonlyMap<string, number>): readonly CheckLine[] {
  return SYSCTLS.flatMap((row) => {
    const value = values.get(row.name);
    return value === undefined ? [] : [judgeSysctl(row, value)];
  });
}

function judgeSysctl({ name, wanted, cost, requiredMin }: SysctlRow, value: number): CheckLine {
  if (value >= wanted) return okLine('limits', name, String(value));
  return badLine('limits', name, {
    required: requiredMin !== undefined && value < requiredMin,
    found: `${value}, ${wanted} wanted: ${cost}`,
    fix: `echo '${name} = ${wanted}' >> ${FILE} && sysctl -p ${FILE}`,
  });
}

/** Reads the settings that are judged; those that this kernel does not have are absent. */
export function readSysctls(): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const { name } of SYSCTLS) {
    const text = readOptional(`/proc/sys/${name.replaceAll('.', '/')}`);
    if (text !== undefined) values.set(name, Number(text));
  }
  return values;
}
