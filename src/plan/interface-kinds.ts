import { bitsOf, type Cidr } from '../base/ip.js';
import type { InterfaceDefinition } from '../definition/schema.js';
import { linkLocalAddress } from '../network/links.js';
import type { InterfacePlan } from './network-plan.js';

/** A default route: by way of an address, or, without one, to everything directly. */
export interface Way {
  readonly version: 4 | 6;
  readonly via?: string;
  readonly onLink?: boolean;
}

/** What the host's end of a routed interface is called by, on each of them: it is only ever asked on its link. */
const ROUTED_GATEWAYS = [
  { version: 4, text: '169.254.1.1', length: 32 },
  { version: 6, text: 'fe80::1', length: 64 },
] as const satisfies readonly Cidr[];

/** Ways out that its kind brings, whatever its addresses; undefined: those of its gateways. */
export function ownWays(of: InterfaceDefinition): readonly Way[] | undefined {
  const has = (version: 4 | 6) => of.addresses.some((address) => address.version === version);
  if (of.kind === 'routed') {
    return ROUTED_GATEWAYS.filter(({ version }) => has(version)).map(({ version, text }) => ({
      version,
      via: text,
      ...(version === 4 ? { onLink: true } : {}),
    }));
  }
  if (of.kind === 'ipvlan' && (of.mode === 'l3' || of.mode === 'l3s') && of.gateways.length === 0) {
    return ([4, 6] as const).filter(has).map((version) => ({ version }));
  }
  return undefined;
}

/** The addresses as the interface has them: where the host routes each by itself, nobody else is on the link. */
export function addressesInside({ kind, addresses }: InterfaceDefinition): readonly Cidr[] {
  if (kind !== 'routed') return addresses;
  return addresses.map((address) => ({ ...address, length: bitsOf(address.version) }));
}

/** What only some kinds have. @param hostName of the host's end, where there is one. */
export function planOfKind(
  of: InterfaceDefinition,
  hostName: string,
  mac: string | undefined,
): Partial<InterfacePlan> {
  if (of.kind === 'routed') return planRouted(of, hostName, mac ?? '');
  return {
    ...(of.link === undefined ? {} : { link: of.link }),
    ...(of.kind === 'macvlan' ? { mode: of.mode ?? 'bridge' } : {}),
    ...(of.kind === 'ipvlan' ? { mode: of.mode ?? 'l2' } : {}),
    ...(of.sourceMacs.length > 0 ? { sources: of.sourceMacs } : {}),
    ...(of.vlanId === undefined ? {} : { vlanId: of.vlanId }),
  };
}

function planRouted(of: InterfaceDefinition, hostName: string, mac: string): Partial<InterfacePlan> {
  const own = (version: 4 | 6) =>
    of.addresses.filter((address) => address.version === version).map(({ text }) => text);
  const gateways = ROUTED_GATEWAYS.filter(({ version }) => own(version).length > 0);
  return {
    hostName,
    hostAddresses: gateways.map(({ text, length }) => `${text}/${length}`),
    table: routedTable(hostName, own(4), [...own(6), linkLocalAddress(mac)]),
  };
}

/**
 * What may come out of it, checked where it enters the host: nothing that root inside does counts. A hook of the link
 * itself, which costs the packets of others nothing, and sees ARP as well.
 */
function routedTable(
  hostName: string,
  ipv4: readonly string[],
  ipv6: readonly string[],
): { readonly name: string; readonly ruleset: string } {
  const name = `netdev tsct-${hostName}`;
  const own4 = ipv4.length > 0 ? `{ ${ipv4.join(', ')} }` : undefined;
  return {
    name,
    ruleset: `table ${name}
delete table ${name}
table ${name} {
  chain sent {
    type filter hook ingress device "${hostName}" priority -300; policy drop;
${own4 ? `    arp saddr ip ${own4} accept\n    ip saddr ${own4} accept\n` : ''}\
    icmpv6 type { nd-router-advert, nd-redirect } counter drop
    ip6 saddr { ${ipv6.join(', ')} } accept
    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } accept
    counter
  }
}
`,
  };
}
