import type { HostPath } from '../base/paths.js';
import type { Amount } from '../definition/resource-values.js';
import type { ContainerDefinition } from '../definition/schema.js';
import type { HostFacts } from '../host/facts.js';
import { countOf } from './limit-values.js';

/** [Resources] of a config. */
export type Resources = ContainerDefinition['resources'];

/** What of the host limits go by. */
export type LimitFacts = Pick<HostFacts, 'cgroup' | 'cpus' | 'memoryNodes' | 'memoryBytes' | 'tasksMax'>;

/** A file of a group and what it says. */
export interface Entry {
  readonly file: string;
  readonly value: string;
  readonly device?: HostPath;
  /** v2: on the group of the container, beside others, and not on the guest's inside it. */
  readonly base?: true;
}

/** What a key is on one version of control groups: entries, or why it is nothing there. */
export type Translation = readonly Entry[] | { readonly refused: string };

/** One key on both versions: DESIGN's one table. Undefined: the key is not set. */
export interface LimitRow {
  readonly key: string;
  readonly controller: string;
  /** Weights count among the children of one group: on that of the container, and not on the guest's inside it. */
  readonly beside?: true;
  readonly v2: (resources: Resources, facts: LimitFacts) => Translation | undefined;
  readonly v1: (resources: Resources, facts: LimitFacts) => Translation | undefined;
}

/** Why a key that version 1 has nothing for is refused there. */
export const NOT_V1 = { refused: 'control groups of version 1 have no such limit' };

/** A key that is refused for that reason. */
export function unlessSet(
  field: keyof Resources,
  reason: { readonly refused: string },
): (resources: Resources) => Translation | undefined {
  return (resources) => {
    const value = resources[field];
    return value === undefined || (Array.isArray(value) && value.length === 0) ? undefined : reason;
  };
}

/** A limit that is above what the host has would do nothing, in silence. @param of what the host has. */
export function amountOf(
  amount: Amount | undefined,
  of: number,
  entries: (count: number) => readonly Entry[],
): Translation | undefined {
  if (amount === undefined) return undefined;
  const count = countOf(amount, of);
  if (Number.isFinite(count) && count > of)
    return { refused: `${count} is more than the host has (${of}); for no limit: infinity` };
  return entries(count);
}

/** One entry for each item of a list; undefined for an empty one. */
export function someOf<T>(items: readonly T[], entry: (item: T) => Entry): readonly Entry[] | undefined {
  return items.length === 0 ? undefined : items.map(entry);
}
