import { readFileSync } from 'node:fs';
import { formatCidr, parseCidr } from '../base/ip.js';
import { readAddressesOf } from '../host/routes.js';
import type { InterfacePlan } from '../plan/network-plan.js';
import type { Identity } from '../state/identity.js';
import { Networks } from '../state/network.js';
import type { Status } from '../supervisor/protocol.js';
import { readCompiled } from './compile.js';
import type { Context } from './context.js';

/** One interface of a container. */
export interface InterfaceInfo {
  /** Inside. */
  readonly name: string;
  /** Of its other end, on the host; null while it is stopped. */
  readonly hostName: string | null;
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

interface Counters {
  readonly receivedBytes: number;
  readonly receivedPackets: number;
  readonly receivedDropped: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
  readonly sentDropped: number;
}

/** Every interface that a container has, or was allotted. */
export async function interfaceInfos(
  ctx: Context,
  name: string,
  identity: Identity,
  status: Status | undefined,
): Promise<InterfaceInfo[]> {
  const plan = status ? (await readCompiled(ctx, name))?.plan.tsct.network : undefined;
  const real = status?.pid ? readAddressesOf(status.pid) : [];
  const reserved = await reservedAddresses(ctx, identity);
  const names = new Set([
    ...(plan?.interfaces ?? []).map((link) => link.name),
    ...(status ? [] : Object.keys(identity.macs)),
    ...real.map(({ link }) => link),
  ]);
  return [...names].map((link) => {
    const planned = plan?.interfaces.find((one) => one.name === link);
    return {
      name: link,
      hostName: planned?.hostName ?? null,
      network:
        plan?.networks.find(({ bridge }) => bridge === planned?.bridge)?.name ??
        identity.addresses[link]?.network ??
        null,
      bridge: planned?.bridge ?? null,
      mac: planned?.mac ?? identity.macs[link] ?? '',
      addresses: real.filter((own) => own.link === link).map(formatCidr),
      reserved: reserved[link] ?? [],
      counters: planned ? readCounters(planned) : null,
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

/** Of the host's end, the other way round: the guest can do nothing to these. */
function readCounters({ hostName }: InterfacePlan): Counters | null {
  const read = (file: string) =>
    Number(readFileSync(`/sys/class/net/${hostName}/statistics/${file}`, 'utf8'));
  try {
    return {
      receivedBytes: read('tx_bytes'),
      receivedPackets: read('tx_packets'),
      receivedDropped: read('tx_dropped'),
      sentBytes: read('rx_bytes'),
      sentPackets: read('rx_packets'),
      sentDropped: read('rx_dropped'),
    };
  } catch {
    return null; // it is just ending, or somebody took the link away
  }
}
