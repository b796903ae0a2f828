import type { LaunchPlan, LimitPlan } from './launch-plan.js';

/** What a new group has, by file. Those that take a word before the value (`rbps=`) keep it. */
const DEFAULTS: Readonly<Record<string, string>> = {
  'cpu.idle': '0',
  'cpu.weight': '100',
  'cpu.shares': '1024',
  'cpu.max': 'max 100000',
  'cpu.cfs_period_us': '100000',
  'cpu.cfs_quota_us': '-1',
  // That of the group above.
  'cpuset.cpus': '',
  'cpuset.mems': '',
  'memory.high': 'max',
  'memory.max': 'max',
  'memory.limit_in_bytes': '-1',
  'memory.memsw.limit_in_bytes': '-1',
  'memory.min': '0',
  'memory.low': '0',
  'memory.swap.max': 'max',
  'memory.soft_limit_in_bytes': '-1',
  'pids.max': 'max',
  'hugetlb.max': 'max',
  'hugetlb.rsvd.max': 'max',
  'io.max': 'max',
  'io.bfq.weight': '100',
  'io.weight': '100',
  'blkio.bfq.weight': '100',
  'blkio.throttle.read_bps_device': '0',
  'blkio.throttle.write_bps_device': '0',
  'blkio.throttle.read_iops_device': '0',
  'blkio.throttle.write_iops_device': '0',
};

const BFQ_V1 = 'blkio.bfq.weight';
const MEMORY_AND_SWAP = 'memory.memsw.limit_in_bytes';

/** The plan of a run with other limits. */
export function withLimits(plan: LaunchPlan, limits: readonly LimitPlan[]): LaunchPlan {
  const { limits: _, ...cgroup } = plan.tsct.cgroup;
  return { ...plan, tsct: { ...plan.tsct, cgroup: { ...cgroup, ...(limits.length > 0 ? { limits } : {}) } } };
}

/**
 * What is written, in this order, to get from the limits of one plan to those of another, and from wherever somebody
 * was killed between them: first what is no limit any more, back to what a new group has. A file of which anything
 * changes is written whole, as two paths may lie on one disk.
 */
export function limitChanges(from: LaunchPlan, to: LaunchPlan): readonly LimitPlan[] {
  const before = from.tsct.cgroup.limits ?? [];
  const after = to.tsct.cgroup.limits ?? [];
  const changed = new Set(
    [...without(before, after, textOf), ...without(after, before, textOf)].map((limit) => fileOf(limit)),
  );
  // BFQ forgets the weights of single disks when the one for all is written; on v2 they are in the same file.
  for (const limit of [...before, ...after])
    if (limit.file === BFQ_V1 && changed.has(fileOf(limit)))
      changed.add(fileOf({ ...limit, file: `${BFQ_V1}_device` }));
  const gone = without(before, after, placeOf).map(
    (limit): LimitPlan => ({ ...limit, value: defaultOf(limit), reset: true }),
  );
  const weighed = [...before, ...after].filter(
    (limit) => limit.key === 'CPUWeight' && changed.has(fileOf(limit)),
  );
  // A group that is idle takes no weight.
  const awake = weighed.map((limit): LimitPlan => ({ ...limit, file: 'cpu.idle', value: '0', reset: true }));
  // Memory and swap together are never less than memory, whichever is written first.
  const both = changed.size === 0 ? [] : before.filter(({ file }) => file === MEMORY_AND_SWAP);
  const free = both.map((limit): LimitPlan => ({ ...limit, value: '-1', reset: true }));
  const again = new Set(both.map(fileOf));
  const written = after.filter((limit) => changed.has(fileOf(limit)) || again.has(fileOf(limit)));
  return [...awake.slice(0, 1), ...free, ...gone, ...written];
}

function without(
  limits: readonly LimitPlan[],
  others: readonly LimitPlan[],
  nameOf: (limit: LimitPlan) => string,
): readonly LimitPlan[] {
  const names = new Set(others.map(nameOf));
  return limits.filter((limit) => !names.has(nameOf(limit)));
}

function textOf(limit: LimitPlan): string {
  return JSON.stringify([placeOf(limit), limit.value]);
}

function fileOf({ v1, base, file }: LimitPlan): string {
  return JSON.stringify([v1, base, file]);
}

function placeOf(limit: LimitPlan): string {
  return JSON.stringify([fileOf(limit), limit.device, wordOf(limit)]);
}

/** `rbps=`, or nothing. */
function wordOf({ value }: LimitPlan): string {
  return /^\w+=/.exec(value)?.[0] ?? '';
}

function defaultOf(limit: LimitPlan): string {
  if (limit.key === 'IODeviceWeight') return 'default';
  const value = DEFAULTS[limit.file.replace(/\.\d+[KMG]B/, '')];
  if (value === undefined) throw new Error(`nobody knows what a new group has in ${limit.file}`);
  return wordOf(limit) + value;
}
