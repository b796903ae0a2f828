import type { ContainerDefinition, InterfaceDefinition } from '../definition/schema.js';
import type { FirewallRule } from '../network/firewall.js';
import { rateLinkAltName, rateLinkName } from '../network/links.js';
import type { RuledPort } from '../network/port-rules.js';
import type { InterfacePlan, RatePlan } from './network-plan.js';

/** What an interface is kept from. */
export type Fences = Pick<RuledPort, 'priority' | 'isIsolated' | 'firewall'>;

export function fencesOf(definition: ContainerDefinition, of: InterfaceDefinition): Fences {
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

/** @param key of the container. */
export function limitsOf(key: string, of: InterfaceDefinition): Pick<InterfacePlan, 'limits'> {
  if (of.ingressMaxBits === undefined && of.egressMaxBits === undefined) return {};
  const link = { link: rateLinkName(key, of.name), altName: rateLinkAltName(key, of.name) };
  return {
    limits: {
      ...(of.ingressMaxBits === undefined ? {} : { ingress: rateOf(of.ingressMaxBits) }),
      ...(of.egressMaxBits === undefined ? {} : { egress: { ...rateOf(of.egressMaxBits), ...link } }),
    },
  };
}

/** Room for a few packets as large as a link of the kernel's own hands them on, else TCP never gets up to speed. */
const BURST_MIN = 32 * 1024;
/** Timers may be this late. */
const BURST_SECONDS = 0.01;
/** How long a packet waits at most; a round trip across a continent, else one connection cannot fill the rate. */
const QUEUE_SECONDS = 0.1;
const UINT32_MAX = 0xffffffff;

function rateOf(bits: number): RatePlan {
  const rateBytes = Math.floor(bits / 8);
  const burstBytes = Math.min(Math.max(BURST_MIN, Math.ceil(rateBytes * BURST_SECONDS)), UINT32_MAX);
  const queueBytes = Math.min(burstBytes + Math.ceil(rateBytes * QUEUE_SECONDS), UINT32_MAX);
  return { rateBytes, burstBytes, queueBytes };
}
