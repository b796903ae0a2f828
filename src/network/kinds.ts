/** What of an interface tells whose addresses it has. */
interface KindOfInterface {
  readonly kind: 'bridge' | 'routed' | 'macvlan' | 'ipvlan' | 'vlan' | 'physical';
  readonly mode: string | undefined;
  readonly bridge: string | undefined;
  readonly network: string;
}

/** The network of tsct that an interface is on; undefined for one that tsct gives no addresses. */
export function networkOfInterface({ kind, bridge, network }: KindOfInterface): string | undefined {
  return kind === 'bridge' && bridge === undefined ? network : undefined;
}

/** Whether its MAC address is one that tsct chooses, and not that of the link that it is made of. */
export function hasOwnMac({ kind, mode }: KindOfInterface): boolean {
  return kind !== 'ipvlan' && kind !== 'physical' && mode !== 'passthru';
}
