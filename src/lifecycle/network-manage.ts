import { existsSync } from 'node:fs';
import { ExitCode, TsctError } from '../base/errors.js';
import { formatCidr, overlaps, parseCidr } from '../base/ip.js';
import { readRoutes } from '../host/routes.js';
import { isForContainers, roomIn } from '../network/allocate.js';
import { bridgeName } from '../network/links.js';
import { type NetworkRecord, Networks } from '../state/network.js';
import type { Context } from './context.js';
import { forEach } from './each.js';
import { repairOne } from './network-repair.js';
import { type NetworkService, readService } from './network-service.js';
import { checkNetworkName, checkSettings, type NetworkSettings, parseSettings } from './network-settings.js';
import { type NetworkUser, networkUsers, usersOf } from './network-users.js';
import { makeNetwork, withNetworksLock } from './networks.js';

export interface NetworkInfo {
  readonly name: string;
  /** Link of the host, there while a container of the network runs. */
  readonly bridge: string;
  readonly up: boolean;
  /** dnsmasq; null while the network is down. */
  readonly service: NetworkService | null;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mtu: number | null;
  /** How many containers have room. */
  readonly room: number;
  /** Containers whose config or present run is on it. */
  readonly usedBy: readonly NetworkUser[];
  /** ISO 8601. */
  readonly created: string;
}

export async function listNetworks(ctx: Context): Promise<NetworkInfo[]> {
  const networks = new Networks(ctx.layout);
  const names = await networks.names();
  const users = await networkUsers(ctx, names);
  return Promise.all(
    names.map(async (name) => describe(ctx, await networks.need(name), users.get(name) ?? [])),
  );
}

/** @throws TSCT_NO_NETWORK (exit 3). */
export async function networkInfo(ctx: Context, name: string): Promise<NetworkInfo> {
  checkNetworkName(name);
  return describe(ctx, await new Networks(ctx.layout).need(name), await usersOf(ctx, name));
}

function describe(ctx: Context, record: NetworkRecord, usedBy: readonly NetworkUser[]): NetworkInfo {
  const { name, ipv4, ipv6, mtu, createdMs } = record;
  const bridge = bridgeName(name, ctx.layout.hash);
  return {
    name,
    bridge,
    up: existsSync(`/sys/class/net/${bridge}`),
    service: readService(ctx.layout.networkRunDir(bridge)) ?? null,
    ipv4,
    ipv6,
    mtu: mtu ?? null,
    room: Number(roomIn(parseCidr(ipv4))),
    usedBy,
    created: new Date(createdMs).toISOString(),
  };
}

/**
 * Makes a network: a record, which the first container that starts on it brings to life.
 * @throws TSCT_EXISTS, TSCT_SUBNET_TAKEN (exit 4), TSCT_BAD_NAME (exit 2), TSCT_NO_SUBNET (exit 5).
 */
export async function createNetwork(
  ctx: Context,
  name: string,
  settings: NetworkSettings,
): Promise<NetworkInfo> {
  checkNetworkName(name);
  const wanted = checkSettings(settings);
  await ctx.store.prepare();
  return withNetworksLock(ctx, async () => {
    if (await new Networks(ctx.layout).read(name)) {
      throw new TsctError('TSCT_EXISTS', `there is a network ${name} already`, {
        exitCode: ExitCode.WrongState,
        hint: `choose another name, or change it: tsct network set ${name} ...`,
      });
    }
    await refuseTaken(ctx, name, wanted);
    return describe(ctx, await makeNetwork(ctx, name, wanted), await usersOf(ctx, name));
  });
}

/**
 * Changes a network. Containers that run keep the addresses that they have; one whose address is not in a new subnet
 * gets another at its next start.
 * @param words `ipv4=SUBNET`, `ipv6=SUBNET`, `mtu=BYTES`.
 */
export async function setNetwork(ctx: Context, name: string, words: readonly string[]): Promise<NetworkInfo> {
  checkNetworkName(name);
  const wanted = checkSettings(parseSettings(words));
  await new Networks(ctx.layout).need(name);
  const changed = await withNetworksLock(ctx, async () => {
    const networks = new Networks(ctx.layout);
    const before = await networks.need(name);
    await refuseTaken(ctx, name, wanted, before);
    const after = { ...before, ...wanted };
    await networks.write(after);
    return after;
  });
  const described = describe(ctx, changed, await usersOf(ctx, name));
  const outside = described.usedBy.filter(
    ({ ipv4 }) => ipv4 && !isForContainers(parseCidr(changed.ipv4), ipv4),
  );
  if (outside.length > 0) {
    ctx.warn(`another address at the next start: ${outside.map((user) => user.name).join(', ')}`);
  }
  if (described.up) await repairOne(ctx, name, described.usedBy);
  return described;
}

/** @throws TSCT_NETWORK_USED (exit 4) naming who uses it, TSCT_NO_NETWORK (exit 3). */
export async function destroyNetworks(
  ctx: Context,
  names: readonly string[],
): Promise<{ readonly name: string }[]> {
  return forEach(names, async (name) => {
    checkNetworkName(name);
    const networks = new Networks(ctx.layout);
    await networks.need(name);
    await withNetworksLock(ctx, async () => {
      await networks.need(name);
      const users = (await usersOf(ctx, name)).map((user) => user.name);
      if (users.length > 0) throw used(name, users);
      await networks.remove(name);
    });
    return { name };
  });
}

function used(name: string, users: readonly string[]): TsctError {
  return new TsctError('TSCT_NETWORK_USED', `cannot destroy network ${name}: ${users.join(', ')} is on it`, {
    exitCode: ExitCode.WrongState,
    hint: `put it on another one first: tsct config set ${users[0]} Network.eth0.Network=NAME; a running one has to be restarted`,
  });
}

/** @throws TSCT_SUBNET_TAKEN (exit 4). */
async function refuseTaken(
  ctx: Context,
  name: string,
  wanted: NetworkSettings,
  own?: NetworkRecord,
): Promise<void> {
  const networks = new Networks(ctx.layout);
  const mine = own ? [parseCidr(own.ipv4), parseCidr(own.ipv6)] : [];
  // What the network itself has brought: its subnet, and addresses in it.
  const routes = readRoutes()
    .filter((route) => !mine.some((subnet) => subnet.length <= route.length && overlaps(subnet, route)))
    .map((route) => ({ route, by: 'a route of the host' }));
  const names = (await networks.names()).filter((other) => other !== name);
  const others = await Promise.all(names.map((other) => networks.need(other)));
  const subnets = others.flatMap((other) =>
    [other.ipv4, other.ipv6].map((text) => ({ route: parseCidr(text), by: `network ${other.name}` })),
  );
  for (const text of [wanted.ipv4, wanted.ipv6].filter((subnet) => subnet !== undefined)) {
    const clash = [...subnets, ...routes].find(({ route }) => overlaps(route, parseCidr(text)));
    if (!clash) continue;
    throw new TsctError(
      'TSCT_SUBNET_TAKEN',
      `cannot give ${name} the subnet ${text}: ${clash.by}, ${formatCidr(clash.route)}, is in the way`,
      { exitCode: ExitCode.WrongState, hint: 'choose another one, or none: tsct finds one that is free' },
    );
  }
}
