import { type Cidr, contains, formatCidr, networkOf, parseCidr, parseIp } from '../base/ip.js';
import type { StateLayout } from '../base/paths.js';
import type { InterfaceDefinition } from '../definition/schema.js';
import { DOMAIN, dhcpRecord, dnsmasqArgv, hostsRecord } from '../network/dnsmasq.js';
import { bridgeAltName, bridgeName, portAltName, portName, stableMac } from '../network/links.js';
import { networkRuleset, portRules, type RuledNetwork, tablesOf } from '../network/ruleset.js';
import { gatewayOf } from '../network/subnet.js';
import type { InterfacePlan, NetworkPlan, NetworkUse } from './launch-plan.js';
import type { PlanInput, PlanNetwork } from './plan-input.js';

/** An interface with what it was allotted. */
interface Connected {
  readonly definition: InterfaceDefinition;
  readonly mac: string;
  readonly addresses: readonly Cidr[];
  readonly network?: PlanNetwork;
}

/** Undefined: only loopback. */
export function buildNetwork(input: PlanInput): NetworkPlan | undefined {
  const connected = connect(input);
  if (connected.length === 0) return undefined;
  const networks = input.networks.filter((network) => connected.some((one) => one.network === network));
  const defaults = new Set<4 | 6>();
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
function connect({ definition, identity, networks, writesTo }: PlanInput): readonly Connected[] {
  if (definition.network.private || writesTo === 'kept') return [];
  return definition.interfaces.flatMap((of): Connected[] => {
    const mac = identity.macs[of.name];
    if (mac === undefined) return [];
    const allotted = identity.addresses[of.name];
    const network = networks.find(({ name }) => name === allotted?.network);
    if (!allotted || !network) return [{ definition: of, mac, addresses: of.addresses }];
    const own = [
      { ...parseCidr(network.ipv4), text: allotted.ipv4 },
      { ...parseCidr(network.ipv6), text: allotted.ipv6 },
    ].filter(({ version }) => !of.addresses.some((fixed) => fixed.version === version));
    return [{ definition: of, mac, addresses: [...of.addresses, ...own], network }];
  });
}

function gatewaysOf(network: PlanNetwork): readonly Cidr[] {
  return [gatewayOf(parseCidr(network.ipv4)), gatewayOf(parseCidr(network.ipv6))];
}

function ruled(layout: StateLayout, network: PlanNetwork): RuledNetwork {
  const bridge = bridgeName(network.name, layout.hash);
  return { bridge, ipv4: networkOf(parseCidr(network.ipv4)), ipv6: networkOf(parseCidr(network.ipv6)) };
}

function useNetwork(input: PlanInput, network: PlanNetwork, members: readonly Connected[]): NetworkUse {
  const { layout, name } = input;
  const rules = ruled(layout, network);
  const altName = bridgeAltName(layout.key(network.name));
  const runDir = layout.networkRunDir(rules.bridge);
  return {
    name: network.name,
    bridge: rules.bridge,
    altName,
    mac: stableMac(altName),
    addresses: gatewaysOf(network).map(formatCidr),
    ...(network.mtu === undefined ? {} : { mtu: network.mtu }),
    runDir,
    ruleset: networkRuleset(rules),
    tables: tablesOf(rules.bridge),
    service: { argv: dnsmasqArgv(network.dnsmasq, rules, runDir) },
    records: { hosts: hostsRecord(name, members), dhcp: dhcpRecord(name, members) },
  };
}

/** @param defaults kinds of address that an interface before has a default route for. */
function buildInterface(
  { layout, name }: PlanInput,
  { definition: of, mac, addresses, network }: Connected,
  defaults: Set<4 | 6>,
): InterfacePlan {
  const key = layout.key(name);
  const hostName = portName(key, of.name);
  const rules = network && ruled(layout, network);
  const mtu = of.mtu ?? network?.mtu;
  const ways = of.gateways.length > 0 ? of.gateways : network ? gatewaysOf(network) : [];
  const routes = ways
    .filter((via) => !defaults.has(via.version) && addresses.some((own) => contains(own, parseIp(via.text))))
    .map(({ version, text }) => ({ to: version === 4 ? '0.0.0.0/0' : '::/0', via: text, version }));
  for (const { version } of routes) defaults.add(version);
  return {
    name: of.name,
    kind: 'bridge',
    hostName,
    altName: portAltName(key, of.name),
    bridge: rules?.bridge ?? of.bridge ?? '',
    mac,
    ...(mtu === undefined ? {} : { mtu }),
    addresses: addresses.map(formatCidr),
    routes: routes.map(({ to, via }) => ({ to, via })),
    ...(rules
      ? {
          rules: portRules(
            rules.bridge,
            { link: hostName, mac, addresses },
            of.ports.map(({ address, ...port }) => (address ? { ...port, at: address } : port)),
          ),
        }
      : {}),
  };
}
