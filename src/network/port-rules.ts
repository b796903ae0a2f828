import { type Cidr, toNumber } from '../base/ip.js';
import { chainName, type FirewallRule, firewallChains } from './firewall.js';
import { linkLocalAddress } from './links.js';
import { type RuledNetwork, tableName } from './ruleset.js';
import { gatewayOf } from './subnet.js';

/** A port of the bridge: all that may come out of it. */
export interface RuledPort {
  /** Of the host's end. */
  readonly link: string;
  readonly mac: string;
  readonly addresses: readonly Cidr[];
  /** Of what it sends away, 0 to 7. */
  readonly priority?: number;
  /** Kept from the other ports of the bridge. */
  readonly isIsolated?: boolean;
  readonly firewall?: readonly FirewallRule[];
}

/** Ports of the host that lead to an interface. */
export interface Published {
  readonly protocol: 'tcp' | 'udp';
  /** Of the host; absent: all of its addresses. */
  readonly at?: { readonly version: 4 | 6; readonly text: string };
  readonly host: number;
  readonly container: number;
  readonly count: number;
}

/**
 * For nft(8): what lets one port send, what it is kept from, and what is published leads to it. `remove` may find
 * nothing. Where there is no firewall it is elements only.
 */
export function portRules(
  network: RuledNetwork,
  port: RuledPort,
  published: readonly Published[],
): { readonly add: string; readonly remove: string } {
  const table = tableName(network.bridge);
  const elements = [...fenceElements(port), ...limitElements(port), ...publishedElements(port, published)];
  const lines = (verb: string) =>
    elements.map(
      ({ family, set, key, data }) =>
        `${verb} element ${family} ${table} ${set} { ${key}${data === undefined ? '' : ` : ${data}`} }\n`,
    );
  const gateways = [network.ipv4, network.ipv6].map(gatewayOf);
  const rules = port.firewall ?? [];
  const chains =
    rules.length > 0 ? firewallChains({ link: port.link, table, gateways }, rules) : { add: '', remove: '' };
  const add = chains.add + lines('add').join('');
  // Deleting what is not there is an error, adding what is there is none.
  return { add, remove: add + lines('delete').join('') + chains.remove };
}

interface Element {
  readonly family: 'bridge' | 'inet';
  readonly set: string;
  readonly key: string;
  readonly data?: string;
}

function fenceElements({ link, mac, addresses }: RuledPort): Element[] {
  const of = (set: string, value: string): Element => ({ family: 'bridge', set, key: `"${link}"${value}` });
  const own = (version: 4 | 6) => addresses.filter((address) => address.version === version);
  const own6 = [linkLocalAddress(mac), ...own(6).map(({ text }) => text)];
  return [
    of('own_mac', ` . ${mac}`),
    ...own(4).map(({ text }) => of('own4', ` . ${text}`)),
    ...own6.map((text) => of('own6', ` . ${text}`)),
    ...own6.map((text) => of('target6', ` . ${hexOf(text)}`)),
    of('ports', ''),
  ];
}

/** By port for what is bridged, by address for what is routed. */
function limitElements({ link, mac, addresses, priority, isIsolated, firewall = [] }: RuledPort): Element[] {
  const own = [
    ...addresses.map(({ version, text }) => ({ version, text })),
    { version: 6 as const, text: linkLocalAddress(mac) },
  ];
  const ofEach = (set: string, data?: string) =>
    own.map(
      ({ version, text }): Element => ({
        family: 'inet',
        set: `${set}${version}`,
        key: text,
        ...(data === undefined ? {} : { data }),
      }),
    );
  const ofLink = (set: string, data?: string): Element => ({
    family: 'bridge',
    set,
    key: `"${link}"`,
    ...(data === undefined ? {} : { data }),
  });
  return [
    ...(isIsolated
      ? [
          ofLink('isolated'),
          { family: 'bridge' as const, set: 'isolated_mac', key: mac },
          ...ofEach('isolated'),
        ]
      : []),
    ...(priority === undefined ? [] : ofEach('priority', `0:${priority}`)),
    ...(firewall.length === 0
      ? []
      : (['in', 'out'] as const).flatMap((way) => {
          const jump = `jump ${chainName(way, link)}`;
          return [ofLink(way, jump), ...ofEach(way, jump)];
        })),
  ];
}

/** Every address of its kind. */
const ANY: readonly string[] = ['0.0.0.0', '::'];

function publishedElements({ addresses }: RuledPort, published: readonly Published[]): Element[] {
  return published.flatMap(({ protocol, at, host, container, count }) =>
    addresses
      .filter(({ version }, i) => addresses.findIndex((first) => first.version === version) === i)
      .filter(({ version }) => at === undefined || at.version === version)
      .flatMap(({ version, text }) =>
        Array.from({ length: count }, (_, n): Element => {
          const key = `${protocol} . ${host + n}`;
          const data = `${text} . ${container + n}`;
          return at === undefined || ANY.includes(at.text)
            ? { family: 'inet', set: `port${version}`, key, data }
            : { family: 'inet', set: `port${version}_at`, key: `${at.text} . ${key}`, data };
        }),
      ),
  );
}

/** A field that nft knows no type of is compared to a number. */
function hexOf(address: string): string {
  return `0x${toNumber(address).toString(16).padStart(32, '0')}`;
}
