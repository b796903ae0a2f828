import { readdirSync, readFileSync } from 'node:fs';
import { ExitCode, TsctError } from '../base/errors.js';
import { contains, parseCidr, parseIp } from '../base/ip.js';
import { configError } from '../definition/config-error.js';
import { type ContainerDefinition, type InterfaceDefinition, settingName } from '../definition/schema.js';
import { chooseAddress, isForContainers } from '../network/allocate.js';
import { hasOwnMac, networkOfInterface } from '../network/kinds.js';
import { slaacAddress, stableMac } from '../network/links.js';
import { gatewayOf } from '../network/subnet.js';
import type { Allotment, Identity } from '../state/identity.js';
import { type NetworkRecord, Networks } from '../state/network.js';
import type { Context } from './context.js';
import { needNetwork, withNetworksLock } from './networks.js';

/** What containers have that nobody else may have, and whose it is. */
export interface Holders {
  /** MAC or address → container. */
  readonly by: ReadonlyMap<string, string>;
}

/**
 * The identity with what the interfaces of the config have: what it has already where that still suits, anything else
 * anew. tsct is the only one who gives out addresses, to one container at a time.
 * @param put writes the result, changed or not, where the next one who asks who has what finds it.
 * @throws TSCT_NETWORK_FULL, TSCT_ADDRESS_TAKEN (exit 4), TSCT_NO_NETWORK (exit 3), TSCT_CONFIG_VALUE.
 */
export async function allotInterfaces(
  ctx: Context,
  name: string,
  definition: ContainerDefinition,
  identity: Identity,
  put: (identity: Identity) => void | Promise<void>,
): Promise<Identity> {
  const wanted = interfacesOf(definition);
  if (await suits(ctx, definition, identity)) {
    await put(identity);
    return identity;
  }
  return withNetworksLock(ctx, async () => {
    const holders = readHolders(ctx, identity.uuid);
    const macs: Record<string, string> = {};
    const addresses: Record<string, Allotment> = {};
    for (const of of wanted) {
      if (!hasOwnMac(of)) continue;
      const mac = macOf(of, identity);
      refuseTaken(name, definition, { of, key: 'MACAddress', value: mac }, holders);
      macs[of.name] = mac;
      const on = networkOfInterface(of);
      if (on === undefined) continue;
      const network = await needNetwork(ctx, on);
      addresses[of.name] = allot(
        name,
        definition,
        {
          of,
          mac,
          network,
          had: identity.addresses[of.name],
          others: othersOf(of, wanted, identity, addresses),
        },
        holders,
      );
    }
    const allotted = { ...identity, macs, addresses };
    await put(allotted);
    return allotted;
  });
}

/** Those that a container gets: none where it is private. */
export function interfacesOf(definition: ContainerDefinition): readonly InterfaceDefinition[] {
  const { network, interfaces } = definition;
  return network.private || network.namespace.whose !== 'own' ? [] : interfaces;
}

/** IPv4 addresses that its other interfaces have, or may keep. */
function othersOf(
  of: InterfaceDefinition,
  wanted: readonly InterfaceDefinition[],
  identity: Identity,
  allotted: Readonly<Record<string, Allotment>>,
): readonly string[] {
  const others = wanted.filter(({ name }) => name !== of.name);
  return others.flatMap(({ name }) => (allotted[name] ?? identity.addresses[name])?.ipv4 ?? []);
}

function macOf(of: InterfaceDefinition, identity: Identity): string {
  return of.mac ?? identity.macs[of.name] ?? stableMac(identity.uuid, of.name);
}

/** Read without the lock: most starts have nothing to change. */
async function suits(ctx: Context, definition: ContainerDefinition, identity: Identity): Promise<boolean> {
  const wanted = interfacesOf(definition).filter(hasOwnMac);
  const have = Object.keys(identity.macs);
  if (have.length !== wanted.length || Object.keys(identity.addresses).length > have.length) return false;
  for (const of of wanted) {
    const mac = identity.macs[of.name];
    if (mac === undefined || mac !== macOf(of, identity)) return false;
    const had = identity.addresses[of.name];
    const on = networkOfInterface(of);
    if (on === undefined) {
      if (had !== undefined) return false;
      continue;
    }
    const network = await new Networks(ctx.layout).read(on);
    if (!network || had?.network !== network.name) return false;
    if (had.ipv4 !== (staticOf(of, 4) ?? had.ipv4) || !isFree(network, had.ipv4)) return false;
    if (had.ipv6 !== ipv6Of(of, network, mac)) return false;
  }
  return true;
}

function staticOf(of: InterfaceDefinition, version: 4 | 6): string | undefined {
  return of.addresses.find((address) => address.version === version)?.text;
}

function ipv6Of(of: InterfaceDefinition, network: NetworkRecord, mac: string): string {
  return staticOf(of, 6) ?? slaacAddress(parseCidr(network.ipv6), mac);
}

function isFree(network: NetworkRecord, ipv4: string): boolean {
  return isForContainers(parseCidr(network.ipv4), ipv4);
}

function allot(
  name: string,
  definition: ContainerDefinition,
  { of, mac, network, had, others }: AllotmentInput,
  holders: Holders,
): Allotment {
  const ipv6 = ipv6Of(of, network, mac);
  for (const { text } of of.addresses) {
    refuseForeign(definition, of, network, text);
    refuseTaken(name, definition, { of, key: 'Address', value: text }, holders);
  }
  const wish = staticOf(of, 4);
  if (wish !== undefined) return { network: network.name, ipv4: wish, ipv6 };
  const taken = new Set([...holders.by.keys(), ...others]);
  const keeps = had?.network === network.name && isFree(network, had.ipv4) && !taken.has(had.ipv4);
  const ipv4 = keeps
    ? had.ipv4
    : chooseAddress(network.name, parseCidr(network.ipv4), { container: name, taken });
  return { network: network.name, ipv4, ipv6 };
}

interface AllotmentInput {
  readonly of: InterfaceDefinition;
  readonly mac: string;
  readonly network: NetworkRecord;
  readonly had: Allotment | undefined;
  readonly others: readonly string[];
}

interface Claim {
  readonly of: InterfaceDefinition;
  readonly key: 'MACAddress' | 'Address';
  readonly value: string;
}

function placeOf(definition: ContainerDefinition, { of, key, value }: Claim) {
  const places = definition.origins.get(settingName(`Network ${of.name}`, key)) ?? [];
  return places.find(({ text }) => key !== 'Address' || text.split('/')[0] === value) ?? places[0];
}

/** @throws TSCT_ADDRESS_TAKEN (exit 4) with the holder's name. */
function refuseTaken(name: string, definition: ContainerDefinition, claim: Claim, holders: Holders): void {
  const holder = holders.by.get(claim.value);
  if (holder === undefined) return;
  const place = placeOf(definition, claim);
  const where = place ? `${place.file}:${place.line}: ` : '';
  throw new TsctError(
    'TSCT_ADDRESS_TAKEN',
    `${where}cannot give ${name} the address ${claim.value}: container ${holder} has it`,
    { exitCode: ExitCode.WrongState, hint: `choose another one; see: tsct info ${holder}` },
  );
}

/** An address on a network of tsct is one of its subnet, and not its gateway's. */
function refuseForeign(
  definition: ContainerDefinition,
  of: InterfaceDefinition,
  network: NetworkRecord,
  text: string,
): void {
  const ip = parseIp(text);
  const subnet = parseCidr(ip.version === 4 ? network.ipv4 : network.ipv6);
  const isGood =
    ip.version === 4
      ? isForContainers(subnet, text)
      : contains(subnet, ip) && gatewayOf(subnet).text !== text;
  if (isGood) return;
  const place = placeOf(definition, { of, key: 'Address', value: text }) ?? { file: 'config', line: 0 };
  throw configError(
    'TSCT_CONFIG_VALUE',
    place,
    `Address=: ${text} is not for containers of network ${network.name} (${subnet.text}/${subnet.length})`,
  );
}

/** Half-made containers count too; one that has the same uuid is the same machine (clone --keep-identity). */
function readHolders(ctx: Context, uuid: string): Holders {
  const by = new Map<string, string>();
  for (const name of readdirSync(ctx.layout.root).filter((entry) => !entry.startsWith('.'))) {
    // One whose network is just being changed may get back what it had.
    const changing = glance<{ identity?: Partial<Identity> }>(ctx.layout.changeFile(name))?.identity;
    for (const identity of [glance<Partial<Identity>>(ctx.layout.identityFile(name)), changing]) {
      if (identity === undefined || identity.uuid === uuid) continue;
      for (const mac of Object.values(identity.macs ?? {})) by.set(mac, name);
      for (const { ipv4, ipv6 } of Object.values(identity.addresses ?? {}))
        by.set(ipv4, name).set(ipv6, name);
    }
  }
  return { by };
}

function glance<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined; // being made, being destroyed, damaged: its own commands will say so
  }
}
