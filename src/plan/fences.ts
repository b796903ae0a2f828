import type { ContainerDefinition, InterfaceDefinition } from '../definition/schema.js';
import type { FirewallRule } from '../network/firewall.js';
import type { RuledPort } from '../network/port-rules.js';

/** What an interface is kept from. */
export function fencesOf(
  definition: ContainerDefinition,
  of: InterfaceDefinition,
): Pick<RuledPort, 'priority' | 'isIsolated' | 'firewall'> {
  return {
    ...(of.priority === undefined ? {} : { priority: of.priority }),
    isIsolated: of.isolated ?? false,
    firewall: firewallOf(definition, of),
  };
}

/** Both keys in the order in which their lines stand. */
function firewallOf({ origins }: ContainerDefinition, of: InterfaceDefinition): FirewallRule[] {
  const ranked = (['allow', 'deny'] as const).flatMap((action) => {
    const places = origins.get(`Network.${of.name}.${action === 'allow' ? 'Allow' : 'Deny'}`) ?? [];
    return of[action].map((match, i) => ({ rule: { action, ...match }, order: places[i]?.order ?? 0 }));
  });
  return ranked.sort((a, b) => a.order - b.order).map(({ rule }) => rule);
}
