import { loadTexts } from '../definition/load.js';
import { parseDefinition } from '../definition/parse.js';
import type { ContainerDefinition } from '../definition/schema.js';
import type { HostFacts } from '../host/facts.js';
import { probeHost } from '../host/probe-host.js';
import { countOf } from '../plan/limit-values.js';
import type { Context } from './context.js';

/** One key of [Resources], of all containers together, beside what the host has. */
export interface CapacityLine {
  readonly key: string;
  /** Bytes, CPUs or tasks. */
  readonly sum: number;
  readonly host: number;
  /** Those that may take whatever the host has, and count for nothing in the sum. */
  readonly unlimited: readonly string[];
  readonly isOvercommitted: boolean;
}

export interface CapacityReport {
  /** All containers could use all that they may at the same time, as far as they are limited at all. */
  readonly ok: boolean;
  readonly containers: number;
  readonly lines: readonly CapacityLine[];
}

type Facts = Pick<HostFacts, 'cpus' | 'memoryBytes' | 'tasksMax'>;

interface Row {
  readonly key: string;
  readonly host: (facts: Facts) => number;
  /** Infinity: no limit. */
  readonly of: (resources: ContainerDefinition['resources'], host: number) => number;
}

const ROWS: readonly Row[] = [
  {
    key: 'MemoryMin',
    host: ({ memoryBytes }) => memoryBytes,
    of: ({ memoryMin = { count: 0 } }, host) => countOf(memoryMin, host),
  },
  {
    key: 'MemoryLow',
    host: ({ memoryBytes }) => memoryBytes,
    of: ({ memoryLow = { count: 0 } }, host) => countOf(memoryLow, host),
  },
  {
    key: 'MemoryMax',
    host: ({ memoryBytes }) => memoryBytes,
    of: ({ memoryMax = 'infinity' }, host) => countOf(memoryMax, host),
  },
  {
    key: 'CPUQuota',
    host: ({ cpus }) => cpus.length,
    of: ({ cpuQuota }) => cpuQuota ?? Number.POSITIVE_INFINITY,
  },
  {
    key: 'TasksMax',
    host: ({ tasksMax }) => tasksMax,
    of: ({ tasksMax = 'infinity' }, host) => countOf(tasksMax, host),
  },
];

/**
 * Sums what the configs of all containers, running or not, let them have. One whose config is damaged is left out, with a
 * warning.
 */
export async function capacity(ctx: Context): Promise<CapacityReport> {
  const facts = probeHost();
  const all: { readonly name: string; readonly resources: ContainerDefinition['resources'] }[] = [];
  for (const name of ctx.store.list()) {
    try {
      const { resources } = parseDefinition(await loadTexts(ctx.layout.containerDir(name)));
      all.push({ name, resources });
    } catch (error) {
      ctx.warn(`${name} is left out: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const lines = ROWS.map(({ key, host: hostOf, of }) => {
    const host = hostOf(facts);
    const counts = all.map(({ name, resources }) => ({ name, count: of(resources, host) }));
    const sum = counts.reduce((total, { count }) => total + (Number.isFinite(count) ? count : 0), 0);
    const unlimited = counts.filter(({ count }) => !Number.isFinite(count)).map(({ name }) => name);
    return { key, sum, host, unlimited, isOvercommitted: sum > host };
  });
  return { ok: lines.every(({ isOvercommitted }) => !isOvercommitted), containers: all.length, lines };
}
