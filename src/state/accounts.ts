import type { HostPath } from '../base/paths.js';
import type { Controller } from './account-files.js';
import {
  field,
  type Groups,
  limit,
  lines,
  nameOf,
  number,
  type ReadText,
  readText,
  scaled,
} from './group-text.js';
import { type Pressure, pressure } from './pressure.js';

/** What a running container has used, and how much it may. What the host does not account, or limit, is null. */
export interface Accounts {
  /** Bytes. Usage is page cache and tmpfs, too. */
  readonly memory: {
    readonly usage: number | null;
    readonly limit: number | null;
    readonly anon: number | null;
    readonly file: number | null;
    readonly swap: number | null;
    readonly swapLimit: number | null;
    /** MemoryMin= and MemoryLow=; 0: nothing. */
    readonly min: number | null;
    readonly low: number | null;
    /** How often the kernel has killed somebody at the limit. */
    readonly oomKills: number | null;
  };
  /** Seconds of CPU time since the start; the limit is a number of CPUs. */
  readonly cpu: {
    readonly usage: number | null;
    readonly limit: number | null;
    readonly user: number | null;
    readonly system: number | null;
    /** For how long CPUQuota= made somebody wait. */
    readonly throttled: number | null;
  };
  readonly tasks: { readonly usage: number | null; readonly limit: number | null };
  /** By disk. */
  readonly io: { readonly usage: readonly DiskUsage[]; readonly limit: readonly DiskLimit[] };
  /** Pressure stall information; null where the kernel has none. */
  readonly pressure: Readonly<Record<'cpu' | 'memory' | 'io', Pressure | null>>;
}

export interface DiskUsage {
  /** `sda`, or its number where it has no name. */
  readonly device: string;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
}

export interface DiskLimit {
  readonly device: string;
  /** Per second. */
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
  readonly reads: number | null;
  readonly writes: number | null;
}

/** Text of one of its files; undefined: there is none. */
type Reader = (file: string) => string | undefined;

/**
 * The accounts of a running container, from cgroup v2, or from the v1 hierarchies of a hybrid host
 * (cgroups(7); kernel Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/*.rst). Synchronous: each is a few microseconds of
 * the kernel's, and a thread for it costs more.
 */
export function readAccounts(groups: Groups, read: ReadText = readText): Accounts {
  const of =
    (group: HostPath): Reader =>
    (file) =>
      read(`${group}/${file}`);
  const unified = of(groups.unified);
  const v1 = (controller: Controller): Reader | undefined => {
    const group = groups.v1.get(controller);
    return group === undefined ? undefined : of(group);
  };
  const [memory, cpu, pids, blkio] = [v1('memory'), v1('cpu'), v1('pids'), v1('blkio')];
  return {
    memory: memory ? memoryV1(memory) : memoryV2(unified),
    cpu: { ...cpuTimes(unified), ...(cpu ? cpuV1(cpu) : cpuV2(unified)) },
    tasks: tasks(pids ?? unified),
    io: blkio ? ioV1(blkio) : ioV2(unified),
    pressure: {
      cpu: pressure(unified('cpu.pressure')),
      memory: pressure(unified('memory.pressure')),
      io: pressure(unified('io.pressure')),
    },
  };
}

function memoryV2(read: Reader): Accounts['memory'] {
  const stat = read('memory.stat');
  return {
    usage: number(read('memory.current')),
    limit: limit(read('memory.max')),
    anon: field(stat, 'anon'),
    file: field(stat, 'file'),
    swap: number(read('memory.swap.current')),
    swapLimit: limit(read('memory.swap.max')),
    min: number(read('memory.min')),
    low: number(read('memory.low')),
    oomKills: field(read('memory.events'), 'oom_kill'),
  };
}

function memoryV1(read: Reader): Accounts['memory'] {
  const stat = read('memory.stat');
  const most = limit(read('memory.limit_in_bytes'));
  const both = limit(read('memory.memsw.limit_in_bytes'));
  return {
    usage: number(read('memory.usage_in_bytes')),
    limit: most,
    anon: field(stat, 'total_rss'),
    file: field(stat, 'total_cache'),
    swap: field(stat, 'total_swap'),
    swapLimit: most === null || both === null ? null : both - most,
    min: null,
    low: null,
    oomKills: field(read('memory.oom_control'), 'oom_kill'),
  };
}

/** Every v2 group knows them, with its CPU controller on v1, too: one file for the three of cpuacct. */
function cpuTimes(read: Reader): Pick<Accounts['cpu'], 'usage' | 'user' | 'system'> {
  const stat = read('cpu.stat');
  const seconds = (key: string) => scaled(field(stat, key), 1e6);
  return { usage: seconds('usage_usec'), user: seconds('user_usec'), system: seconds('system_usec') };
}

function cpuV2(read: Reader): Pick<Accounts['cpu'], 'limit' | 'throttled'> {
  const [quota = 'max', period = ''] = lines(read('cpu.max'))[0] ?? [];
  return {
    limit: quota === 'max' ? null : Number(quota) / Number(period),
    throttled: scaled(field(read('cpu.stat'), 'throttled_usec'), 1e6),
  };
}

function cpuV1(read: Reader): Pick<Accounts['cpu'], 'limit' | 'throttled'> {
  const quota = number(read('cpu.cfs_quota_us'));
  return {
    limit: quota === null || quota < 0 ? null : quota / (number(read('cpu.cfs_period_us')) ?? Number.NaN),
    throttled: scaled(field(read('cpu.stat'), 'throttled_time'), 1e9),
  };
}

function tasks(read: Reader): Accounts['tasks'] {
  return { usage: number(read('pids.current')), limit: limit(read('pids.max')) };
}

function ioV2(read: Reader): Accounts['io'] {
  return {
    usage: devices(read('io.stat')).map(([device, words]) => ({
      device,
      readBytes: words.get('rbytes') ?? 0,
      writtenBytes: words.get('wbytes') ?? 0,
      reads: words.get('rios') ?? 0,
      writes: words.get('wios') ?? 0,
    })),
    limit: devices(read('io.max')).map(([device, words]) => ({
      device,
      readBytes: words.get('rbps') ?? null,
      writtenBytes: words.get('wbps') ?? null,
      reads: words.get('riops') ?? null,
      writes: words.get('wiops') ?? null,
    })),
  };
}

function ioV1(read: Reader): Accounts['io'] {
  const bytes = operations(read('blkio.throttle.io_service_bytes_recursive'));
  const counts = operations(read('blkio.throttle.io_serviced_recursive'));
  const limits = ['read_bps', 'write_bps', 'read_iops', 'write_iops'].map(
    (what) =>
      new Map(
        lines(read(`blkio.throttle.${what}_device`)).map(([device = '', value]) => [device, Number(value)]),
      ),
  );
  const limited = new Set(limits.flatMap((one) => [...one.keys()]));
  const limitOf = (i: number, device: string) => limits[i]?.get(device) ?? null;
  return {
    usage: [...bytes].map(([device, amount]) => ({
      device: nameOf(device),
      readBytes: amount.get('Read') ?? 0,
      writtenBytes: amount.get('Write') ?? 0,
      reads: counts.get(device)?.get('Read') ?? 0,
      writes: counts.get(device)?.get('Write') ?? 0,
    })),
    limit: [...limited].map((device) => ({
      device: nameOf(device),
      readBytes: limitOf(0, device),
      writtenBytes: limitOf(1, device),
      reads: limitOf(2, device),
      writes: limitOf(3, device),
    })),
  };
}

/** `8:0 rbytes=1 wbytes=2`; without those that say `max`. */
function devices(text: string | undefined): (readonly [string, Map<string, number>])[] {
  return lines(text).map(([device = '', ...words]) => {
    const pairs = words.map((word) => word.split('=')).filter(([, value]) => value !== 'max');
    return [nameOf(device), new Map(pairs.map(([key = '', value]) => [key, Number(value)]))];
  });
}

/** `8:0 Read 4096`. */
function operations(text: string | undefined): Map<string, Map<string, number>> {
  const found = new Map<string, Map<string, number>>();
  for (const [device = '', what = '', count] of lines(text)) {
    if (count === undefined) continue; // the line with the sum
    found.set(device, (found.get(device) ?? new Map()).set(what, Number(count)));
  }
  return found;
}
