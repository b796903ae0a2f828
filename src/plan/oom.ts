import type { OomPolicy } from '../definition/resource-values.js';
import type { ContainerDefinition } from '../definition/schema.js';
import type { HostFacts } from '../host/facts.js';
import type { OomPlan } from './launch-plan.js';
import { countOf } from './limit-values.js';

type Resources = ContainerDefinition['resources'];

/** Files of a group, or why there are none. */
type Files = readonly { readonly file: string; readonly value: string }[] | { readonly refused: string };

/** A tenth: the kernel slows down who is above memory.high before he has taken that. */
const OOM_HEADROOM = 0.1;

/** The container is kept alive at its limit: frozen, or while the limit grows. */
function isHeld(policy: OomPolicy | undefined): boolean {
  return policy?.is === 'freeze' || policy?.is === 'raise';
}

/** What the supervisor does at MemoryMax=. Absent: nothing is asked for. */
export function buildOom(
  { resources: { oomPolicy, oomHook } }: ContainerDefinition,
  { memoryBytes }: Pick<HostFacts, 'memoryBytes'>,
): OomPlan | undefined {
  if (oomPolicy === undefined && oomHook === undefined) return undefined;
  const hook = oomHook === undefined ? {} : { hook: oomHook };
  if (oomPolicy?.is !== 'raise') return { policy: oomPolicy?.is ?? 'kill', ...hook };
  return {
    policy: 'raise',
    raisePercent: Math.round(oomPolicy.step * 100),
    raiseMaxBytes: Math.min(memoryBytes, countOf(oomPolicy.most ?? 'infinity', memoryBytes)),
    ...hook,
  };
}

/** A policy, or a hook, needs a limit. */
export const needsMax =
  (field: 'oomPolicy' | 'oomHook') =>
  (resources: Resources): Files | undefined =>
    resources[field] === undefined || (resources.memoryMax ?? 'infinity') !== 'infinity'
      ? undefined
      : { refused: 'it does nothing without MemoryMax=' };

export function headroomAlone({ oomPolicy, oomHeadroom }: Resources): Files | undefined {
  return oomHeadroom === undefined || isHeld(oomPolicy)
    ? undefined
    : { refused: 'it does nothing without OOMPolicy=freeze or raise' };
}

/** Version 2 cannot hold anybody at memory.max: who is to be held is so at memory.high, below it. */
export function heldBelow(max: Files | undefined, resources: Resources): Files | undefined {
  const { oomPolicy, memoryHigh, oomHeadroom = OOM_HEADROOM } = resources;
  if (!isHeld(oomPolicy) || max === undefined || 'refused' in max) return max;
  if (memoryHigh !== undefined)
    return { refused: `with OOMPolicy=${oomPolicy?.is} it is what MemoryHigh= is` };
  const bytes = Number(max[0]?.value);
  return [
    { file: 'memory.high', value: String(bytes) },
    { file: 'memory.max', value: String(Math.floor(bytes * (1 + oomHeadroom))) },
  ];
}
