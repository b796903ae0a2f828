import type { Amount } from '../definition/resource-values.js';
import {
  amountOf,
  type Entry,
  type LimitFacts,
  type LimitRow,
  NOT_V1,
  type Resources,
  type Translation,
  unlessSet,
} from './limit-row.js';
import { asMax, asMinusOne, countOf } from './limit-values.js';
import { headroomAlone, heldBelow, needsMax } from './oom.js';

type MemoryKey = 'memoryMin' | 'memoryLow' | 'memoryHigh' | 'memoryMax' | 'memorySoftLimit';

const memory =
  (field: MemoryKey, entries: (count: number) => readonly Entry[]) =>
  (resources: Resources, { memoryBytes }: LimitFacts): Translation | undefined =>
    amountOf(resources[field], memoryBytes, entries);

/** What is kept for a group is shared out among those below it: nothing comes through one that has none. */
const kept = (file: string) => (count: number) => [
  { file, value: String(count), base: true as const },
  { file, value: String(count) },
];

const NOT_V2 = {
  refused: 'control groups of version 2 have no such limit; they have MemoryHigh= and MemoryLow=',
};

/** Keys of memory (kernel Documentation/admin-guide/cgroup-v2.rst, "Memory"; cgroup-v1/memory.rst). */
export const MEMORY_ROWS: readonly LimitRow[] = [
  {
    key: 'MemoryMin',
    controller: 'memory',
    v2: memory('memoryMin', kept('memory.min')),
    v1: unlessSet('memoryMin', NOT_V1),
  },
  {
    key: 'MemoryLow',
    controller: 'memory',
    v2: memory('memoryLow', kept('memory.low')),
    v1: unlessSet('memoryLow', NOT_V1),
  },
  {
    key: 'MemoryHigh',
    controller: 'memory',
    v2: memory('memoryHigh', (count) => [{ file: 'memory.high', value: asMax(count) }]),
    v1: unlessSet('memoryHigh', NOT_V1),
  },
  {
    key: 'MemoryMax',
    controller: 'memory',
    v2: (resources, facts) => heldBelow(mostV2(resources, facts), resources),
    v1: memory('memoryMax', (count) => [{ file: 'memory.limit_in_bytes', value: asMinusOne(count) }]),
  },
  {
    key: 'MemorySwapMax',
    controller: 'memory',
    v2: (resources, facts) => swapOf(resources.memorySwapMax, facts, (count) => [swapV2(count)]),
    v1: swapV1,
  },
  {
    key: 'MemorySoftLimit',
    controller: 'memory',
    v2: unlessSet('memorySoftLimit', NOT_V2),
    v1: memory('memorySoftLimit', (count) => [
      { file: 'memory.soft_limit_in_bytes', value: asMinusOne(count) },
    ]),
  },
  {
    key: 'OOMPolicy',
    controller: 'memory',
    v2: needsMax('oomPolicy'),
    v1: needsMax('oomPolicy'),
  },
  {
    key: 'OOMHook',
    controller: 'memory',
    v2: needsMax('oomHook'),
    v1: needsMax('oomHook'),
  },
  {
    key: 'OOMHeadroom',
    controller: 'memory',
    v2: headroomAlone,
    v1: unlessSet('oomHeadroom', {
      refused: 'on control groups of version 1 nothing goes beyond MemoryMax=',
    }),
  },
];

const mostV2 = memory('memoryMax', (count) => [{ file: 'memory.max', value: asMax(count) }]);

function swapV2(count: number): Entry {
  return { file: 'memory.swap.max', value: asMax(count) };
}

/** Swap comes and goes while the host runs: more than there is now is no mistake. */
function swapOf(
  amount: Amount | undefined,
  { memoryBytes, cgroup }: LimitFacts,
  translate: (count: number) => Translation,
): Translation | undefined {
  if (amount === undefined) return undefined;
  if (!cgroup.accountsSwap)
    return { refused: 'this kernel does not count swap by group; boot it with swapaccount=1' };
  return translate(countOf(amount, memoryBytes));
}

/** Version 1 knows only memory and swap together. */
function swapV1({ memorySwapMax, memoryMax }: Resources, facts: LimitFacts): Translation | undefined {
  return swapOf(memorySwapMax, facts, (swap) => {
    const most = countOf(memoryMax ?? 'infinity', facts.memoryBytes);
    if (!Number.isFinite(most) && Number.isFinite(swap))
      return { refused: 'control groups of version 1 limit memory and swap together: it needs MemoryMax=' };
    return [{ file: 'memory.memsw.limit_in_bytes', value: asMinusOne(most + swap) }];
  });
}
