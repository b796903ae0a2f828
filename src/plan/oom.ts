import { type Amount, countOf, type OomPolicy } from '../definition/resource-values.js';
import type { ContainerDefinition } from '../definition/schema.js';
import type { HostFacts } from '../host/facts.js';
import type { OomPlan } from './launch-plan.js';

/** The container is kept alive at its limit: frozen, or while the limit grows. */
export function isHeld(policy: OomPolicy | undefined): boolean {
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
  const most: Amount = oomPolicy.most ?? 'infinity';
  return {
    policy: 'raise',
    raisePercent: Math.round(oomPolicy.step * 100),
    raiseMaxBytes: Math.min(memoryBytes, countOf(most, memoryBytes)),
    ...hook,
  };
}
