import { formatCidr, parseCidr } from '../base/ip.js';
import { randomBytes } from '../base/random.js';
import { readRoutes } from '../host/routes.js';
import { chooseIpv4Subnet, chooseIpv6Subnet } from '../network/subnet.js';
import { type NetworkRecord, Networks } from '../state/network.js';
import type { Context } from './context.js';
import { withLock } from './locking.js';

/** Made when it is needed first; any other is made by `tsct network create`. */
export const DEFAULT_NETWORK = 'tsct0';

/** Held by whoever changes a network, or gives a container an address: not the name of a container. */
const NETWORKS_LOCK = '_networks';

export function withNetworksLock<T>(ctx: Context, work: () => Promise<T>): Promise<T> {
  return withLock(ctx, NETWORKS_LOCK, work);
}

/** Makes the record of a network, with subnets of its own choice unless told. The caller holds the lock. */
export async function makeNetwork(
  ctx: Context,
  name: string,
  wanted: { readonly ipv4?: string; readonly ipv6?: string; readonly mtu?: number } = {},
): Promise<NetworkRecord> {
  const networks = new Networks(ctx.layout);
  const others = await Promise.all((await networks.names()).map((other) => networks.need(other)));
  const taken = [...readRoutes(), ...others.flatMap(({ ipv4, ipv6 }) => [parseCidr(ipv4), parseCidr(ipv6)])];
  const record: NetworkRecord = {
    name,
    ipv4: wanted.ipv4 ?? formatCidr(chooseIpv4Subnet(taken, Math.random())),
    ipv6: wanted.ipv6 ?? formatCidr(chooseIpv6Subnet(taken, () => randomBytes(5))),
    ...(wanted.mtu === undefined ? {} : { mtu: wanted.mtu }),
    createdMs: Date.now(),
  };
  await networks.write(record);
  return record;
}

/** A network that a container is to be on; the default one is made. The caller holds the lock. @throws TSCT_NO_NETWORK (exit 3). */
export async function needNetwork(ctx: Context, name: string): Promise<NetworkRecord> {
  const networks = new Networks(ctx.layout);
  if (name !== DEFAULT_NETWORK) return networks.need(name);
  return (await networks.read(name)) ?? makeNetwork(ctx, name);
}
