import { TsctError } from '../base/errors.js';
import { bitsOf, type Cidr, contains, formatCidr, networkOf, parseCidr } from '../base/ip.js';
import type { StateLayout } from '../base/paths.js';
import type { InterfaceDefinition } from '../definition/schema.js';
import { DOMAIN, dhcpRecord, dnsmasqArgv, hostsRecord } from '../network/dnsmasq.js';
import { hasOwnMac, networkOfInterface } from '../network/kinds.js';
import {
  bridgeAltName,
  bridgeName,
  LINK_GROUP,
  portAltName,
  portName,
  replyTable,
  stableMac,
} from '../network/links.js';
import { portRules } from '../network/port-rules.js';
import { guestRules, networkRuleset, type RuledNetwork, tablesOf } from '../network/ruleset.js';
import { gatewayOf } from '../network/subnet.js';
import { fencesOf, limitsOf } from './fences.js';
import { addressesInside, ownWays, planOfKind, type Way } from './interface-kinds.js';
import { joinedNamespace } from './joined-network.js';
import type { InterfacePlan, NetworkPlan, NetworkUse } from './network-plan.js';
import type { PlanInput, PlanNetwork } from './plan-input.js';

/** An interface with what it was allotted. */
interface Connected {
  readonly definition: InterfaceDefinition;
  /** Absent: that of the link that it is made of. */
  readonly mac?: string;
  readonly addresses: readonly Cidr[];
  readonly network?: PlanNetwork;
}

/** Undefined: only loopback. @throws TSCT_CONFIG_VALUE for a gateway that cannot be reached. */
export function buildNetwork(input: PlanInput): NetworkPlan | undefined {
  const joins = joinedNamespace(input);
  if (joins) return { networks: [], interfaces: [], joins };
  const connected = connect(input);
  if (connected.length === 0) return undefined;
  const networks = input.networks.filter((network) => connected.some((one) => one.network === network));
  const defaults = new Map<4 | 6, Connected>();
  for (const one of connected) refuseFarGateway(input, one);
  // One that says its gateway comes before one that has its network's.
  const inOrder = [...connected.filter(isTold), ...connected.filter((one) => !isTold(one))];
  for (const one of inOrder) {
    for (const { version } of waysOf(one)) if (!defaults.has(version)) defaults.set(version, one);
  }
  return {
    networks: networks.map((network) =>
      useNetwork(
        input,
        network,
        connected.filter((one) => one.network === network),
      ),
    ),
    interfaces: connected.map((one) => buildInterface(input, one, defaults)),
  };
}

/** Name servers of a container, in the order of its interfaces; empty: nobody said any. */
export function nameServers(input: PlanInput): readonly string[] {
  const servers = connect(input).flatMap(({ definition, network }) => {
    if (definition.dns.length > 0) return definition.dns.map(({ text }) => text);
    return network ? gatewaysOf(network).map(({ text }) => text) : [];
  });
  return [...new Set(servers)];
}

/** resolv.conf(5); empty when the container has no network that could be asked. */
export function resolvConfText(input: PlanInput): string {
  const servers = nameServers(input);
  if (servers.length === 0) return '';
  const search = connect(input).some(({ network }) => network !== undefined) ? `search ${DOMAIN}\n` : '';
  return `# Written by tsct at each start; see Exec.ResolvConf= in tsct.conf(5).\n${search}${servers.map((server) => `nameserver ${server}\n`).join('')}`;
}

/** What is changed in a stopped root needs no network. */
function connect(input: PlanInput): readonly Connected[] {
  const { definition, identity, networks, writesTo } = input;
  if (definition.network.private || writesTo === 'kept') return [];
  return definition.interfaces.flatMap((of): Connected[] => {
    const mac = identity.macs[of.name];
    if (!hasOwnMac(of)) return [{ definition: of, ...hardwareMac(input, of), addresses: of.addresses }];
    if (mac === undefined) return [];
    const allotted = identity.addresses[of.name];
    const network = networks.find(({ name }) => name === allotted?.network);
    if (!allotted || !network || networkOfInterface(of) === undefined)
      return [{ definition: of, mac, addresses: addressesInside(of) }];
    const own = [
      { ...parseCidr(network.ipv4), text: allotted.ipv4 },
      { ...parseCidr(network.ipv6), text: allotted.ipv6 },
    ].filter(({ version }) => !of.addresses.some((fixed) => fixed.version === version));
    return [{ definition: of, mac, addresses: [...of.addresses, ...own], network }];
  });
}

/** Of a link that is given: it is known while it is the host's. */
function hardwareMac(
  { linkMacs }: PlanInput,
  { kind, link }: InterfaceDefinition,
): { readonly mac?: string } {
  const mac = kind === 'physical' && link !== undefined ? linkMacs?.[link] : undefined;
  return mac === undefined ? {} : { mac };
}

function gatewaysOf(network: PlanNetwork): readonly Cidr[] {
  return [gatewayOf(parseCidr(network.ipv4)), gatewayOf(parseCidr(network.ipv6))];
}

function ruled(layout: StateLayout, network: PlanNetwork): RuledNetwork {
  const bridge = bridgeName(network.name, layout.hash);
  const mac = stableMac(bridgeAltName(layout.key(network.name)));
  return { bridge, mac, ipv4: networkOf(parseCidr(network.ipv4)), ipv6: networkOf(parseCidr(network.ipv6)) };
}

function useNetwork(input: PlanInput, network: PlanNetwork, members: readonly Connected[]): NetworkUse {
  const { layout, name } = input;
  const rules = ruled(layout, network);
  const altName = bridgeAltName(layout.key(network.name));
  const runDir = layout.networkRunDir(rules.bridge);
  const named = members.flatMap(({ mac, addresses }) => (mac === undefined ? [] : [{ mac, addresses }]));
  return {
    name: network.name,
    bridge: rules.bridge,
    altName,
    mac: rules.mac,
    group: LINK_GROUP,
    addresses: gatewaysOf(network).map(formatCidr),
    ...(network.mtu === undefined ? {} : { mtu: network.mtu }),
    runDir,
    ruleset: networkRuleset(rules),
    tables: tablesOf(rules.bridge),
    ...(network.opens?.length ? { guestRules: guestRules(rules.bridge, network.opens) } : {}),
    service: { argv: dnsmasqArgv(network.dnsmasq, rules, runDir) },
    resolver: { domain: DOMAIN, servers: gatewaysOf(network).map(({ text }) => text) },
    records: { hosts: hostsRecord(name, named), dhcp: dhcpRecord(name, named) },
  };
}

function refuseFarGateway(
  { definition: { origins } }: PlanInput,
  { definition, addresses }: Connected,
): void {
  const index = definition.gateways.findIndex((via) => !addresses.some((own) => contains(own, via)));
  if (index < 0) return;
  const place = origins.get(`Network.${definition.name}.Gateway`)?.[index];
  throw new TsctError(
    'TSCT_CONFIG_VALUE',
    `${place?.file}:${place?.line}: Gateway=: ${definition.gateways[index]?.text} is in no subnet that ${definition.name} has an address of`,
    { hint: 'a gateway is reached directly: give it an Address= of the same subnet' },
  );
}

function isTold({ definition }: Connected): boolean {
  return definition.gateways.length > 0;
}

/** Ways out that it has: gateways that it can reach, and what its kind brings. */
function waysOf({ definition, addresses, network }: Connected): readonly Way[] {
  const own = ownWays(definition);
  if (own) return own;
  const ways = definition.gateways.length > 0 ? definition.gateways : network ? gatewaysOf(network) : [];
  return ways
    .filter((via) => addresses.some((address) => contains(address, via)))
    .map(({ version, text }) => ({ version, via: text }));
}

const defaultRoute = ({ version, ...way }: Way) => ({ to: version === 4 ? '0.0.0.0/0' : '::/0', ...way });

/** How it answers where it has a way out but not the default route. */
function repliesOf(one: Connected, defaults: ReadonlyMap<4 | 6, Connected>): Pick<InterfacePlan, 'replies'> {
  const ways = waysOf(one).filter(({ version }) => defaults.get(version) !== one);
  const own = one.addresses.filter((address) => ways.some(({ version }) => version === address.version));
  if (own.length === 0) return {};
  const direct = own
    .filter(({ version, length }) => length < bitsOf(version))
    .map(networkOf)
    .map(formatCidr);
  return {
    replies: {
      table: replyTable(one.definition.name),
      from: own.map(({ text }) => text),
      routes: [...[...new Set(direct)].map((to) => ({ to })), ...ways.map(defaultRoute)],
    },
  };
}

/** @param defaults which interface has the default route of each kind. */
function buildInterface(
  { layout, name, definition }: PlanInput,
  one: Connected,
  defaults: ReadonlyMap<4 | 6, Connected>,
): InterfacePlan {
  const { definition: of, mac, addresses, network } = one;
  const key = layout.key(name);
  const mtu = of.mtu ?? network?.mtu;
  const base = {
    name: of.name,
    kind: of.kind,
    altName: portAltName(key, of.name),
    ...(mac === undefined ? {} : { mac }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(of.queueLength === undefined ? {} : { queueLength: of.queueLength }),
    addresses: addresses.map(formatCidr),
    ...limitsOf(key, of),
    routes: waysOf(one)
      .filter(({ version }) => defaults.get(version) === one)
      .map(defaultRoute),
    ...repliesOf(one, defaults),
  };
  const hostName = portName(key, of.name);
  if (of.kind !== 'bridge' || mac === undefined) {
    return { ...base, ...planOfKind(of, hostName, mac, fencesOf(definition, of)) };
  }
  const rules = network && ruled(layout, network);
  const ports = of.ports.map(({ address, ...port }) => (address ? { ...port, at: address.text } : port));
  return {
    ...base,
    hostName,
    bridge: rules?.bridge ?? of.bridge ?? '',
    ...(rules
      ? {
          rules: portRules(
            rules,
            { link: hostName, mac, addresses, ...fencesOf(definition, of) },
            of.ports.map(({ address, ...port }) => (address ? { ...port, at: address } : port)),
          ),
          ...(ports.length > 0 ? { ports } : {}),
        }
      : {}),
  };
}
