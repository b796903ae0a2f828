import { bitsOf, type Cidr, formatCidr } from '../base/ip.js';
import type { InterfaceDefinition } from '../definition/schema.js';
import { LINK_GROUP } from '../network/links.js';
import { routedTables } from '../network/routed-rules.js';
import type { Fences } from './fences.js';
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
  fences: Fences,
): Partial<InterfacePlan> {
  if (of.kind === 'routed') return planRouted(of, hostName, mac ?? '', fences);
  return {
    ...(of.link === undefined ? {} : { link: of.link }),
    ...(of.kind === 'macvlan' ? { mode: of.mode ?? 'bridge' } : {}),
    ...(of.kind === 'ipvlan' ? { mode: of.mode ?? 'l2' } : {}),
    ...(of.sourceMacs.length > 0 ? { sources: of.sourceMacs } : {}),
    ...(of.vlanId === undefined ? {} : { vlanId: of.vlanId }),
  };
}

function planRouted(
  of: InterfaceDefinition,
  link: string,
  mac: string,
  fences: Fences,
): Partial<InterfacePlan> {
  const gateways = ROUTED_GATEWAYS.filter(({ version }) =>
    of.addresses.some((own) => own.version === version),
  );
  const port = { link, mac, addresses: of.addresses, gateways, ...fences };
  return {
    hostName: link,
    ...(of.link === undefined ? {} : { link: of.link }),
    group: LINK_GROUP,
    hostAddresses: gateways.map(formatCidr),
    tables: routedTables({ ...port, isDelayed: of.egressMaxBits !== undefined }),
  };
}
