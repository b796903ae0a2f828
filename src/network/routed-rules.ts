import type { Cidr } from '../base/ip.js';
import { chainName, firewallBlocks } from './firewall.js';
import { LINK_GROUP, linkLocalAddress } from './links.js';
import type { RuledPort } from './port-rules.js';

/** An interface that is the host's to route to, and on no bridge. */
export interface RoutedPort extends RuledPort {
  /** What the host is called there, one of each kind. */
  readonly gateways: readonly Cidr[];
  /** What it sends passes an ifb first: IFB gives it back behind the hook of the link (net/core/dev.c, tc_skip_classify). */
  readonly isDelayed: boolean;
}

/** `FAMILY NAME` of all tables that it may have, and what makes those that it has: all at once or not, also anew. */
export function routedTables(port: RoutedPort): {
  readonly names: readonly string[];
  readonly ruleset: string;
} {
  const table = `tsct-${port.link}`;
  const names = ['netdev', 'inet', 'arp'].map((family) => `${family} ${table}`);
  const chains = { inet: [...passing(port, table)], netdev: [] as string[], arp: [] as string[] };
  if (port.isDelayed) {
    const others = `iifname != "${port.link}" accept`;
    chains.inet.unshift(
      chain('sent', 'hook prerouting priority -300; policy accept', [
        others,
        ...sentIp(port),
        'counter drop',
      ]),
    );
    chains.arp.push(
      chain('sent', 'hook input priority -300; policy accept', [others, ...sentArp(port), 'counter drop']),
    );
  } else {
    const hook = `hook ingress device "${port.link}" priority -300; policy drop`;
    chains.netdev.push(chain('sent', hook, [...sentArp(port), ...sentIp(port), 'counter']));
  }
  const made = Object.entries(chains).filter(([, list]) => list.length > 0);
  return {
    names,
    ruleset: [
      ...names.flatMap((name) => [`table ${name}\n`, `delete table ${name}\n`]),
      ...made.map(([family, list]) => `table ${family} ${table} {\n${list.join('')}}\n`),
    ].join(''),
  };
}

function chain(name: string, hook: string, rules: readonly string[]): string {
  return `  chain ${name} {\n    type filter ${hook};\n${rules.map((rule) => `    ${rule}\n`).join('')}  }\n`;
}

const setOf = (values: readonly string[]) => `{ ${values.join(', ')} }`;
const own = ({ addresses }: RuledPort, version: 4 | 6) =>
  addresses.filter((address) => address.version === version).map(({ text }) => text);

/**
 * What may come out of it, checked where it enters the host: nothing that root inside does counts. A hook of the link
 * itself costs the packets of others nothing, and sees ARP as well.
 */
function sentIp(port: RoutedPort): string[] {
  const ipv4 = own(port, 4);
  return [
    ...(ipv4.length > 0 ? [`ip saddr ${setOf(ipv4)} accept`] : []),
    'icmpv6 type { nd-router-advert, nd-redirect } counter drop',
    `ip6 saddr ${setOf([...own(port, 6), linkLocalAddress(port.mac)])} accept`,
    'ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } accept',
  ];
}

function sentArp(port: RoutedPort): string[] {
  const ipv4 = own(port, 4);
  return ipv4.length > 0 ? [`arp saddr ip ${setOf(ipv4)} accept`] : [];
}

/** What it is kept from. All that it says or hears passes IP of the host, which knows answers by `ct`. */
function passing(
  { link, gateways, priority, isIsolated, firewall = [] }: RoutedPort,
  table: string,
): string[] {
  const isFenced = firewall.length > 0;
  const jump = (end: 'iifname' | 'oifname') =>
    isFenced ? [`${end} "${link}" jump ${chainName(end === 'iifname' ? 'out' : 'in', link)}`] : [];
  // By a published port of another one all come, as from anywhere.
  const apart = (end: 'iifname' | 'oifname', other: 'oifgroup' | 'iifgroup') =>
    `${end} "${link}" ${other} ${LINK_GROUP} ct status ! dnat counter drop`;
  const answers = 'ct state established,related accept';
  const rules = [
    ...(priority === undefined ? [] : [`iifname "${link}" meta priority set 0:${priority}`]),
    ...(isIsolated ? [apart('iifname', 'oifgroup'), apart('oifname', 'iifgroup')] : []),
    ...(isFenced ? [answers] : []),
    ...jump('iifname'),
    ...jump('oifname'),
  ];
  if (rules.length === 0) return [];
  const hook = (where: string) => `hook ${where} priority filter; policy accept`;
  const ends = isFenced
    ? [
        chain('to_host', hook('input'), [answers, ...jump('iifname')]),
        chain('from_host', hook('output'), [answers, ...jump('oifname')]),
      ]
    : [];
  return [
    ...(isFenced ? [firewallBlocks({ link, table, gateways }, firewall)] : []),
    chain('passing', hook('forward'), rules),
    ...ends,
  ];
}
