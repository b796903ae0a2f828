import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { Amount, DeviceLimit } from '../definition/resource-values.js';
import type { ContainerDefinition } from '../definition/schema.js';
import type { HostFacts } from '../host/facts.js';
import type { LimitPlan } from './launch-plan.js';
import { asMax, asMinusOne, countOf, hugeTlbFiles, sharesOf } from './limit-values.js';
import { headroomAlone, heldBelow, policyAlone } from './oom.js';

type Resources = ContainerDefinition['resources'];
type Facts = Pick<HostFacts, 'cgroup' | 'cpus' | 'memoryBytes' | 'tasksMax'>;

/** A file of a group and what it says. */
interface Entry {
  readonly file: string;
  readonly value: string;
  readonly device?: HostPath;
}

/** What a key is on one version of control groups: entries, or why it is nothing there. */
type Translation = readonly Entry[] | { readonly refused: string };

/** One key on both versions: DESIGN's one table. Undefined: the key is not set. */
interface Row {
  readonly key: string;
  readonly controller: string;
  /** Weights count among the children of one group: on that of the container, and not on the guest's inside it. */
  readonly beside?: true;
  readonly v2: (resources: Resources, facts: Facts) => Translation | undefined;
  readonly v1: (resources: Resources, facts: Facts) => Translation | undefined;
}

const NOT_V1 = { refused: 'control groups of version 1 have no such limit' };

const memory =
  (file: string, field: 'memoryHigh' | 'memoryMax') =>
  (resources: Resources, { memoryBytes }: Facts): Translation | undefined =>
    amountOf(resources[field], memoryBytes, (count) => ({ file, value: asMax(count) }));

const unlessSet =
  (field: keyof Resources, reason: { readonly refused: string }) =>
  (resources: Resources): Translation | undefined =>
    resources[field] === undefined ? undefined : reason;

const unlessEmpty =
  (field: 'hugeTlbMax', reason: { readonly refused: string }) =>
  (resources: Resources): Translation | undefined =>
    resources[field].length === 0 ? undefined : reason;

const devices =
  (field: 'ioReadBandwidthMax' | 'ioWriteBandwidthMax' | 'ioReadIopsMax' | 'ioWriteIopsMax') =>
  (file: string, word = '') =>
  (resources: Resources): Translation | undefined =>
    someOf(resources[field], ({ path, value }: DeviceLimit) => ({
      file,
      device: path,
      value: `${word}${value}`,
    }));

const allowed =
  (field: 'allowedCpus' | 'allowedMemoryNodes', file: string) =>
  (resources: Resources, { cpus }: Facts): Translation | undefined => {
    const numbers = [...new Set(resources[field])].sort((a, b) => a - b);
    const absent = numbers.find((number) => field === 'allowedCpus' && number >= cpus);
    if (absent !== undefined) return { refused: `the host has no CPU ${absent}, only 0 to ${cpus - 1}` };
    return numbers.length === 0 ? undefined : [{ file, value: numbers.join(',') }];
  };

const DEFAULT_PERIOD_US = 100_000;

/** Sources: kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/*.rst; conversions as systemd's. */
const TABLE: readonly Row[] = [
  {
    key: 'CPUWeight',
    controller: 'cpu',
    beside: true,
    v2: ({ cpuWeight }) => weightOf(cpuWeight, (weight) => ({ file: 'cpu.weight', value: String(weight) })),
    v1: ({ cpuWeight }) =>
      weightOf(cpuWeight, (weight) => ({ file: 'cpu.shares', value: String(sharesOf(weight)) })),
  },
  {
    key: 'CPUQuota',
    controller: 'cpu',
    v2: ({ cpuQuota, cpuQuotaPeriodUs: us = DEFAULT_PERIOD_US }) =>
      cpuQuota === undefined
        ? undefined
        : [{ file: 'cpu.max', value: `${Math.max(1000, Math.round(cpuQuota * us))} ${us}` }],
    v1: ({ cpuQuota, cpuQuotaPeriodUs: us = DEFAULT_PERIOD_US }) =>
      cpuQuota === undefined
        ? undefined
        : [
            { file: 'cpu.cfs_period_us', value: String(us) },
            { file: 'cpu.cfs_quota_us', value: String(Math.max(1000, Math.round(cpuQuota * us))) },
          ],
  },
  {
    key: 'CPUQuotaPeriodSec',
    controller: 'cpu',
    v2: periodAlone,
    v1: periodAlone,
  },
  {
    key: 'AllowedCPUs',
    controller: 'cpuset',
    v2: allowed('allowedCpus', 'cpuset.cpus'),
    v1: allowed('allowedCpus', 'cpuset.cpus'),
  },
  {
    key: 'AllowedMemoryNodes',
    controller: 'cpuset',
    v2: allowed('allowedMemoryNodes', 'cpuset.mems'),
    v1: allowed('allowedMemoryNodes', 'cpuset.mems'),
  },
  {
    key: 'MemoryHigh',
    controller: 'memory',
    v2: memory('memory.high', 'memoryHigh'),
    v1: unlessSet('memoryHigh', NOT_V1),
  },
  {
    key: 'MemoryMax',
    controller: 'memory',
    v2: (resources, facts) => heldBelow(memory('memory.max', 'memoryMax')(resources, facts), resources),
    v1: ({ memoryMax }, { memoryBytes }) =>
      amountOf(memoryMax, memoryBytes, (count) => ({
        file: 'memory.limit_in_bytes',
        value: asMinusOne(count),
      })),
  },
  {
    key: 'OOMPolicy',
    controller: 'memory',
    v2: policyAlone,
    v1: policyAlone,
  },
  {
    key: 'OOMHeadroom',
    controller: 'memory',
    v2: headroomAlone,
    v1: unlessSet('oomHeadroom', {
      refused: 'on control groups of version 1 nothing goes beyond MemoryMax=',
    }),
  },
  {
    key: 'HugeTLBMax',
    controller: 'hugetlb',
    v2: ({ hugeTlbMax }) => (hugeTlbMax.length === 0 ? undefined : hugeTlbMax.flatMap(hugeTlbFiles)),
    v1: unlessEmpty('hugeTlbMax', { refused: 'it is for the hugetlb controller of version 2' }),
  },
  {
    key: 'TasksMax',
    controller: 'pids',
    v2: tasks,
    v1: tasks,
  },
  {
    key: 'IOReadBandwidthMax',
    controller: 'io',
    v2: devices('ioReadBandwidthMax')('io.max', 'rbps='),
    v1: devices('ioReadBandwidthMax')('blkio.throttle.read_bps_device'),
  },
  {
    key: 'IOWriteBandwidthMax',
    controller: 'io',
    v2: devices('ioWriteBandwidthMax')('io.max', 'wbps='),
    v1: devices('ioWriteBandwidthMax')('blkio.throttle.write_bps_device'),
  },
  {
    key: 'IOReadIOPSMax',
    controller: 'io',
    v2: devices('ioReadIopsMax')('io.max', 'riops='),
    v1: devices('ioReadIopsMax')('blkio.throttle.read_iops_device'),
  },
  {
    key: 'IOWriteIOPSMax',
    controller: 'io',
    v2: devices('ioWriteIopsMax')('io.max', 'wiops='),
    v1: devices('ioWriteIopsMax')('blkio.throttle.write_iops_device'),
  },
];

/**
 * [Resources] as files of control groups, in the order in which they are written.
 * @throws TSCT_LIMIT_REFUSED (exit 5), with the config's file and line, for what this host's groups cannot do.
 */
export function buildLimits(definition: ContainerDefinition, facts: Facts): readonly LimitPlan[] {
  const { resources } = definition;
  return TABLE.flatMap((row) => {
    const v1 = facts.cgroup.v1.find(({ controllers }) => controllers.includes(v1Name(row.controller)));
    const translation = (v1 ? row.v1 : row.v2)(resources, facts);
    if (translation === undefined) return [];
    if ('refused' in translation) throw refused(definition, row.key, translation.refused);
    if (!v1 && !facts.cgroup.unifiedControllers.includes(row.controller)) {
      throw refused(definition, row.key, `this host has no ${row.controller} controller; see tsct check`);
    }
    const where = v1 ? { v1: v1.mount } : row.beside ? { base: true as const } : {};
    return translation.map((entry) => ({ key: row.key, ...where, ...entry }));
  });
}

function v1Name(controller: string): string {
  return controller === 'io' ? 'blkio' : controller;
}

function refused(definition: ContainerDefinition, key: string, why: string): TsctError {
  const place = definition.origins.get(`Resources.${key}`)?.[0];
  return new TsctError('TSCT_LIMIT_REFUSED', `${place?.file}:${place?.line}: ${key}=: ${why}`, {
    exitCode: ExitCode.HostLacks,
    hint: `take it out: tsct config unset NAME Resources.${key}`,
  });
}

function periodAlone({ cpuQuota, cpuQuotaPeriodUs }: Resources): Translation | undefined {
  return cpuQuotaPeriodUs === undefined || cpuQuota !== undefined
    ? undefined
    : { refused: 'it does nothing without CPUQuota=' };
}

function tasks({ tasksMax }: Resources, facts: Facts): Translation | undefined {
  return amountOf(tasksMax, facts.tasksMax, (count) => ({ file: 'pids.max', value: asMax(count) }));
}

/** A limit that is above what the host has would do nothing, in silence. @param of what the host has. */
function amountOf(
  amount: Amount | undefined,
  of: number,
  entry: (count: number) => Entry,
): Translation | undefined {
  if (amount === undefined) return undefined;
  const count = countOf(amount, of);
  if (Number.isFinite(count) && count > of)
    return { refused: `${count} is more than the host has (${of}); for no limit: infinity` };
  return [entry(count)];
}

/** cpu.idle is in both versions since Linux 5.15. */
function weightOf(
  weight: number | 'idle' | undefined,
  entry: (weight: number) => Entry,
): readonly Entry[] | undefined {
  if (weight === undefined) return undefined;
  return weight === 'idle' ? [{ file: 'cpu.idle', value: '1' }] : [entry(weight)];
}

function someOf<T>(items: readonly T[], entry: (item: T) => Entry): readonly Entry[] | undefined {
  return items.length === 0 ? undefined : items.map(entry);
}
