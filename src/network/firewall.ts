import { type Cidr, formatCidr } from '../base/ip.js';

/** One line of a container's firewall; the first that matches counts. */
export interface FirewallRule {
  readonly action: 'allow' | 'deny';
  /** As the container sees it. */
  readonly direction: 'in' | 'out';
  readonly peer: Cidr | 'any' | 'gateway';
  readonly protocol?: 'tcp' | 'udp' | 'icmp';
  readonly ports?: { readonly first: number; readonly last: number };
}

/** Whose firewall, in which tables. */
export interface Fenced {
  /** Of the host's end: chains and sets are called after it. */
  readonly link: string;
  /** Name of both tables. */
  readonly table: string;
  /** One of each kind. */
  readonly gateways: readonly Cidr[];
}

type Family = 'bridge' | 'inet';
type Direction = FirewallRule['direction'];

const FAMILIES: readonly Family[] = ['bridge', 'inet'];
const DIRECTIONS: readonly Direction[] = ['in', 'out'];

/** What no firewall stops: without it there is no network. What of it a container must not say, the fence drops. */
const NEEDED6 =
  'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }';

/** Of what is bridged: this family has no `ct` on all kernels. A fragment after the first is nothing without that. */
const ANSWERS: readonly string[] = [
  'ether type != { ip, ip6 } return',
  `${NEEDED6} return`,
  'ip frag-off & 0x1fff != 0 return',
  'frag frag-off != 0 return',
  'tcp flags & (syn | ack) != syn return',
  'icmp type { echo-reply, destination-unreachable, time-exceeded, parameter-problem } return',
  'icmpv6 type { echo-reply, destination-unreachable, packet-too-big, time-exceeded, parameter-problem } return',
];

/** @param way a container's: `in` or `out`. */
export function chainName(way: Direction, link: string): string {
  return `${way}-${link}`;
}

/** Conversations over UDP that a rule has allowed: who asks, whom. */
function askedSet(version: 4 | 6, link: string): string {
  return `asked${version}-${link}`;
}

/** For nft(8): chains that the elements of an interface jump to; `remove` wants them to be there. */
export function firewallChains(
  fenced: Fenced,
  rules: readonly FirewallRule[],
): { readonly add: string; readonly remove: string } {
  const { link, table } = fenced;
  const names = [...DIRECTIONS.map((way) => chainName(way, link)), `ok-${link}`];
  const chains = FAMILIES.flatMap((family) => names.map((name) => `${family} ${table} ${name}`));
  const sets = ([4, 6] as const).map((version) => ({
    name: `bridge ${table} ${askedSet(version, link)}`,
    type: `ipv${version}_addr . inet_service . ipv${version}_addr . inet_service`,
  }));
  const made = [
    ...sets.map(
      ({ name, type }) => `add set ${name} { type ${type}; flags dynamic,timeout; timeout 2m; size 4096; }`,
    ),
    ...chains.flatMap((chain) => [`add chain ${chain}`, `flush chain ${chain}`]),
  ];
  const filled = FAMILIES.flatMap((family) => [
    ...remembered(family, link).map((rule) => `add rule ${family} ${table} ok-${link} ${rule}`),
    ...DIRECTIONS.flatMap((way) =>
      [...before(family, link), ...judged(way, fenced, rules)].map(
        (rule) => `add rule ${family} ${table} ${chainName(way, link)} ${rule}`,
      ),
    ),
  ]);
  return {
    add: lines([...made, ...filled]),
    remove: lines([
      ...chains.map((chain) => `flush chain ${chain}`),
      ...chains.map((chain) => `delete chain ${chain}`),
      ...sets.map(({ name }) => `delete set ${name}`),
    ]),
  };
}

/** As text within `table inet ...`: the chains of an interface whose every packet passes IP of the host. */
export function firewallBlocks(fenced: Fenced, rules: readonly FirewallRule[]): string {
  const block = (name: string, body: readonly string[]) =>
    `  chain ${name} {\n${body.map((rule) => `    ${rule}\n`).join('')}  }\n`;
  return [
    block(`ok-${fenced.link}`, []),
    ...DIRECTIONS.map((way) =>
      block(chainName(way, fenced.link), [...before('inet', fenced.link), ...judged(way, fenced, rules)]),
    ),
  ].join('');
}

const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');

/** What passes whatever the rules say. The tables of IP know answers by `ct`, before they come here. */
function before(family: Family, link: string): string[] {
  if (family === 'inet') return [`${NEEDED6} return`];
  const answered = ([4, 6] as const).map((version) => {
    const ip = version === 4 ? 'ip' : 'ip6';
    const asked = `${ip} daddr . udp dport . ${ip} saddr . udp sport`;
    const set = `@${askedSet(version, link)}`;
    return `${asked} ${set} update ${set} { ${asked} } return`;
  });
  return [...ANSWERS, ...answered];
}

function remembered(family: Family, link: string): string[] {
  if (family === 'inet') return [];
  return [
    `update @${askedSet(4, link)} { ip saddr . udp sport . ip daddr . udp dport }`,
    `update @${askedSet(6, link)} { ip6 saddr . udp sport . ip6 daddr . udp dport }`,
  ];
}

/** The rules of one direction, and what becomes of the rest. */
function judged(way: Direction, { link, gateways }: Fenced, rules: readonly FirewallRule[]): string[] {
  const own = rules.filter(({ direction }) => direction === way);
  const verdict = (isAllowed: boolean) => (isAllowed ? `goto ok-${link}` : 'counter drop');
  return [
    ...own.flatMap((rule) =>
      matches(rule, gateways).map((match) => `${match} ${verdict(rule.action === 'allow')}`.trim()),
    ),
    verdict(!own.some(({ action }) => action === 'allow')),
  ];
}

/** One for each address that is meant. */
function matches({ direction, peer, protocol, ports }: FirewallRule, gateways: readonly Cidr[]): string[] {
  const what = (version?: 4 | 6) => {
    if (protocol === undefined) return '';
    if (ports === undefined) return `meta l4proto ${protocolNumbers(protocol, version)}`;
    return `${protocol} dport ${ports.first}-${ports.last}`;
  };
  if (peer === 'any') return [what()];
  const end = direction === 'in' ? 'saddr' : 'daddr';
  const peers = peer === 'gateway' ? gateways : [peer];
  return peers.map((one) =>
    `${one.version === 4 ? 'ip' : 'ip6'} ${end} ${peer === 'gateway' ? one.text : formatCidr(one)} ${what(one.version)}`.trim(),
  );
}

/** By number: the names are those of /etc/protocols, which a small host does not have. */
function protocolNumbers(protocol: NonNullable<FirewallRule['protocol']>, version?: 4 | 6): string {
  if (protocol === 'tcp') return '6';
  if (protocol === 'udp') return '17';
  return { 4: '1', 6: '58', all: '{ 1, 58 }' }[version ?? 'all'];
}
