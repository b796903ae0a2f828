import { ExitCode, TsctError } from '../base/errors.js';
import type { ContainerDefinition } from '../definition/schema.js';
import { IO_ROWS } from './io-limits.js';
import type { LimitPlan } from './launch-plan.js';
import {
  amountOf,
  type Entry,
  type LimitFacts,
  type LimitRow,
  type Resources,
  type Translation,
  unlessSet,
} from './limit-row.js';
import { asMax, hugeTlbFiles, sharesOf } from './limit-values.js';
import { MEMORY_ROWS } from './memory-limits.js';

const allowed =
  (field: 'allowedCpus' | 'allowedMemoryNodes', file: string) =>
  (resources: Resources, facts: LimitFacts): Translation | undefined => {
    const numbers = [...new Set(resources[field])].sort((a, b) => a - b);
    const [there, what] =
      field === 'allowedCpus' ? [facts.cpus, 'CPU'] : [facts.memoryNodes, 'node of memory'];
    const absent = numbers.find((number) => !there.includes(number));
    if (absent !== undefined) {
      return { refused: `the host has no ${what} ${absent}, only ${rangesOf(there)}` };
    }
    return numbers.length === 0 ? undefined : [{ file, value: numbers.join(',') }];
  };

/** `0-3,8`, of numbers in order. */
function rangesOf(numbers: readonly number[]): string {
  const starts = numbers.filter((number) => !numbers.includes(number - 1));
  const ends = numbers.filter((number) => !numbers.includes(number + 1));
  return starts.map((start, i) => (start === ends[i] ? start : `${start}-${ends[i]}`)).join(',');
}

const DEFAULT_PERIOD_US = 100_000;

/** Sources: kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/*.rst; conversions as systemd's. */
const TABLE: readonly LimitRow[] = [
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
  ...MEMORY_ROWS,
  {
    key: 'HugeTLBMax',
    controller: 'hugetlb',
    v2: ({ hugeTlbMax }) => (hugeTlbMax.length === 0 ? undefined : hugeTlbMax.flatMap(hugeTlbFiles)),
    v1: unlessSet('hugeTlbMax', { refused: 'it is for the hugetlb controller of version 2' }),
  },
  {
    key: 'TasksMax',
    controller: 'pids',
    v2: tasks,
    v1: tasks,
  },
  ...IO_ROWS,
];

/**
 * [Resources] as files of control groups, in the order in which they are written.
 * @throws TSCT_LIMIT_REFUSED (exit 5), with the config's file and line, for what this host's groups cannot do.
 */
export function buildLimits(definition: ContainerDefinition, facts: LimitFacts): readonly LimitPlan[] {
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
    hint: `leave it out; where the config has it: tsct config unset NAME Resources.${key}`,
  });
}

function periodAlone({ cpuQuota, cpuQuotaPeriodUs }: Resources): Translation | undefined {
  return cpuQuotaPeriodUs === undefined || cpuQuota !== undefined
    ? undefined
    : { refused: 'it does nothing without CPUQuota=' };
}

function tasks({ tasksMax }: Resources, facts: LimitFacts): Translation | undefined {
  return amountOf(tasksMax, facts.tasksMax, (count) => [{ file: 'pids.max', value: asMax(count) }]);
}

/** cpu.idle is in both versions since Linux 5.15. */
function weightOf(
  weight: number | 'idle' | undefined,
  entry: (weight: number) => Entry,
): readonly Entry[] | undefined {
  if (weight === undefined) return undefined;
  return weight === 'idle' ? [{ file: 'cpu.idle', value: '1' }] : [entry(weight)];
}
