import type { ContainerDefinition } from '../definition/schema.js';
import { probeHost } from '../host/probe-host.js';
import type { LimitPlan } from '../plan/launch-plan.js';
import { buildLimits } from '../plan/limits.js';

/**
 * What [Resources] asks for and this host cannot do is refused when it is set, and not only at the start.
 * @throws TSCT_LIMIT_REFUSED (exit 5)
 */
export function checkLimits(definition: ContainerDefinition): readonly LimitPlan[] {
  const isSet = Object.values(definition.resources).some((value) =>
    Array.isArray(value) ? value.length > 0 : value !== undefined,
  );
  return isSet ? buildLimits(definition, probeHost()) : [];
}
