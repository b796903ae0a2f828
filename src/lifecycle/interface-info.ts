import { formatCidr, parseCidr } from '../base/ip.js';
import { type Counters, otherWay, readCounters, readLinkMac } from '../host/links.js';
import { readAddressesOf } from '../host/routes.js';
import type { InterfacePlan } from '../plan/network-plan.js';
import type { Identity } from '../state/identity.js';
import { Networks } from '../state/network.js';
import type { Status } from '../supervisor/protocol.js';
import type { Context } from './context.js';
import { type KeptInterface, readCompiled } from './kept-plan.js';

/** One interface of a container. */
export interface InterfaceInfo {
  /** Inside. */
  readonly name: string;
  /** As Kind= has it; null: not of tsct's making. */
  readonly kind: InterfacePlan['kind'] | null;
  /** Of its other end, on the host; null while it is stopped, and where it has none. */
  readonly hostName: string | null;
  /** Of the host: what it is made on, or what it is there. */
  readonly link: string | null;
  /** Of tsct; null: on a bridge that is not tsct's. */
  readonly network: string | null;
  readonly bridge: string | null;
  readonly mac: string;
  /** What it has now, with prefix length. */
  readonly addresses: readonly string[];
  /** What tsct keeps for it, running or not. */
  readonly reserved: readonly string[];
  /** As the container sees them: received is what came in. */
  readonly counters: Counters | null;
}

/** Every interface that a container has, or was allotted. */
export async function interfaceInfos(
  ctx: Context,
  name: string,
  identity: Identity,
  status: Status | undefined,
): Promise<InterfaceInfo[]> {
  const plan = status ? (await readCompiled(ctx, name))?.plan.tsct.network : undefined;
  const real = (status?.pid ? readAddressesOf(status.pid) : []).map((own) => ({
    ...own,
    // The kernel says of an address that is alone in its subnet not where it is.
    link: own.link || (plan?.interfaces.find((one) => one.addresses.includes(formatCidr(own)))?.name ?? ''),
  }));
  const reserved = await reservedAddresses(ctx, identity);
  const names = new Set([
    ...(plan?.interfaces ?? []).map((link) => link.name),
    ...(status ? [] : Object.keys(identity.macs)),
    ...real.map(({ link }) => link),
  ]);
  const host = readCounters();
  return [...names].map((link) => {
    const planned = plan?.interfaces.find((one) => one.name === link);
    return {
      name: link,
      kind: planned?.kind ?? null,
      hostName: planned?.hostName ?? null,
      link: planned?.link ?? null,
      network:
        plan?.networks.find(({ bridge }) => bridge === planned?.bridge)?.name ??
        identity.addresses[link]?.network ??
        null,
      bridge: planned?.bridge ?? null,
      mac: planned?.mac ?? macOfLink(planned) ?? identity.macs[link] ?? '',
      addresses: real.filter((own) => own.link === link).map(formatCidr),
      reserved: reserved[link] ?? [],
      counters: planned ? countersOf(planned, status?.pid, host) : null,
    };
  });
}

async function reservedAddresses(ctx: Context, { addresses }: Identity): Promise<Record<string, string[]>> {
  const networks = new Networks(ctx.layout);
  const entries = Object.entries(addresses).map(async ([link, { network, ipv4, ipv6 }]) => {
    const record = await networks.read(network);
    if (!record) return [link, []] as const;
    const lengths = [parseCidr(record.ipv4).length, parseCidr(record.ipv6).length];
    return [link, [`${ipv4}/${lengths[0]}`, `${ipv6}/${lengths[1]}`]] as const;
  });
  return Object.fromEntries((await Promise.all(entries)).map(([link, own]) => [link, [...own]]));
}

/** Of one that has no address of its own: that of what it is made on. */
function macOfLink(planned: InterfacePlan | undefined): string | undefined {
  if (planned?.link === undefined) return undefined;
  return readLinkMac(planned.link);
}

/**
 * Of one interface, as the container sees it. Of the host's end where it has one: the guest can do nothing to that.
 * @param host of the host's own links. @returns null: it is just ending, or has no counters.
 */
export function countersOf(
  { name, hostName }: KeptInterface,
  pid: number | undefined,
  host: ReadonlyMap<string, Counters>,
): Counters | null {
  if (hostName === undefined) return pid === undefined ? null : (readCounters(pid).get(name) ?? null);
  const far = host.get(hostName);
  return far ? otherWay(far) : null;
}
