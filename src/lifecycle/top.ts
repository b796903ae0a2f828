import type { Context } from './context.js';
import type { State } from './observe.js';
import { type ContainerStats, stats } from './stats.js';

/** What a container is at and does now. Rates are null until there are two readings of the same run. */
export interface TopRow {
  readonly name: string;
  readonly state: State;
  /** Seconds. */
  readonly uptime: number;
  /** CPUs kept busy since the last reading: 1 is all of one CPU. */
  readonly cpu: number | null;
  readonly cpuLimit: number | null;
  readonly memory: number | null;
  readonly memoryLimit: number | null;
  readonly tasks: number | null;
  readonly tasksLimit: number | null;
  /** Bytes per second, of disks and of interfaces. */
  readonly read: number | null;
  readonly written: number | null;
  readonly received: number | null;
  readonly sent: number | null;
}

/** One look at all of them. */
export interface TopSample {
  /** ISO 8601. */
  readonly at: string;
  readonly containers: readonly TopRow[];
}

/** What rows can be sorted by: each but the name with the largest first. */
export type TopOrder = 'cpu' | 'memory' | 'io' | 'tasks' | 'name';

/**
 * Looks again each time it is called. The first look has no rates.
 * @param names whom; none: all. One that goes is left out from then on. @throws TSCT_NO_CONTAINER (exit 3).
 */
export function sampler(ctx: Context, names: readonly string[]): () => Promise<TopSample> {
  for (const name of names) ctx.store.need(name);
  let before = new Map<string, ContainerStats>();
  let beforeMs = 0;
  return async () => {
    const asked = names.filter((name) => ctx.store.has(name));
    const all = names.length > 0 && asked.length === 0 ? [] : await stats(ctx, asked);
    const nowMs = performance.now();
    const seconds = (nowMs - beforeMs) / 1000;
    const containers = all.map((one) => rowOf(one, before.get(one.name), seconds));
    before = new Map(all.map((one) => [one.name, one]));
    beforeMs = nowMs;
    return { at: new Date().toISOString(), containers };
  };
}

function rowOf(now: ContainerStats, before: ContainerStats | undefined, seconds: number): TopRow {
  const rate = (count: (stats: ContainerStats) => number | null): number | null => {
    const [from, to] = [before ? count(before) : null, count(now)];
    // Less than before: it was started anew meanwhile.
    return from === null || to === null || to < from ? null : (to - from) / seconds;
  };
  return {
    name: now.name,
    state: now.state,
    uptime: now.uptime,
    cpu: rate(({ cpu }) => cpu.usage),
    cpuLimit: now.cpu.limit,
    memory: now.memory.usage,
    memoryLimit: now.memory.limit,
    tasks: now.tasks.usage,
    tasksLimit: now.tasks.limit,
    read: rate(({ io }) => sum(io.usage, (disk) => disk.readBytes)),
    written: rate(({ io }) => sum(io.usage, (disk) => disk.writtenBytes)),
    received: rate(({ network }) => sum(network, ({ counters }) => counters.receivedBytes)),
    sent: rate(({ network }) => sum(network, ({ counters }) => counters.sentBytes)),
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** Sorted; those that are equal by name. */
export function inOrder(rows: readonly TopRow[], order: TopOrder): readonly TopRow[] {
  const key = (row: TopRow): number => {
    if (order === 'io') return (row.read ?? 0) + (row.written ?? 0);
    return order === 'name' ? 0 : (row[order] ?? 0);
  };
  return [...rows].sort((a, b) => key(b) - key(a) || (a.name < b.name ? -1 : 1));
}
