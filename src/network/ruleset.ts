import { type Cidr, formatCidr, toNumber } from '../base/ip.js';
import { linkLocalAddress } from './links.js';

/** A network as its rules see it. */
export interface RuledNetwork {
  readonly bridge: string;
  readonly ipv4: Cidr;
  readonly ipv6: Cidr;
}

/** A port of the bridge: all that may come out of it. */
export interface RuledPort {
  /** Of the host's end. */
  readonly link: string;
  readonly mac: string;
  readonly addresses: readonly Cidr[];
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

/** Ours alone, whatever else is called like the bridge; no keyword of nft(8) begins so. */
function tableName(bridge: string): string {
  return `tsct-${bridge}`;
}

/** `FAMILY NAME` of each table of a network. */
export function tablesOf(bridge: string): readonly string[] {
  return [`bridge ${tableName(bridge)}`, `inet ${tableName(bridge)}`];
}

/**
 * What leaves a port is checked where it enters the host, so that root inside can do nothing about it. Only what is in
 * `ports` is looked at: other things that somebody puts on the bridge are his own. `ct` is not to be had in this family
 * on all kernels, nor is `meta ibrname`.
 */
function bridgeTable(): string {
  return `  set ports { type ifname; }
  set own_mac { type ifname . ether_addr; }
  set own4 { type ifname . ipv4_addr; }
  set own6 { type ifname . ipv6_addr; }
  # The target of a neighbour advertisement, at its place in the packet: this nft has no name for it.
  set target6 { typeof iifname . @th,64,128; }
  chain arriving {
    type filter hook prerouting priority -300; policy accept;
    iifname @ports jump sent
  }
  chain sent {
    iifname . ether saddr != @own_mac counter drop
    ether type ip jump sent4
    ether type arp jump sent_arp
    ether type ip6 jump sent6
    counter drop
  }
  chain sent4 {
    udp sport 67 counter drop
    iifname . ip saddr @own4 accept
    ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
    counter drop
  }
  chain sent_arp {
    iifname . arp saddr ether != @own_mac counter drop
    iifname . arp saddr ip @own4 accept
    arp operation request arp saddr ip 0.0.0.0 accept
    counter drop
  }
  chain sent6 {
    icmpv6 type { nd-router-advert, nd-redirect } counter drop
    udp sport 547 counter drop
    icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @target6 counter drop
    iifname . ip6 saddr @own6 accept
    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } accept
    counter drop
  }
`;
}

/** The way out, the way in for what is published, and no other way in. */
function inetTable({ bridge, ipv4, ipv6 }: RuledNetwork): string {
  return `  map port4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map port6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
  map port4_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
  map port6_at { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
  chain arriving {
    type nat hook prerouting priority dstnat; policy accept;
    # Where route_localnet is set the kernel lets 127/8 in from elsewhere, and it would not see it after this.
    ip daddr 127.0.0.0/8 accept
    ip6 daddr ::1 accept
    fib daddr type local jump published
  }
  # The host's own connections to 127/8 and ::1 cannot leave it: tsct-ports relays them.
  chain own {
    type nat hook output priority -100; policy accept;
    ip daddr != 127.0.0.0/8 fib daddr type local jump published
    ip6 daddr != ::1 fib daddr type local jump published
  }
  chain published {
    dnat ip to ip daddr . meta l4proto . th dport map @port4_at
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @port6_at
    dnat ip to meta l4proto . th dport map @port4
    dnat ip6 to meta l4proto . th dport map @port6
  }
  chain leaving {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${formatCidr(ipv4)} oifname != "${bridge}" masquerade
    ip6 saddr ${formatCidr(ipv6)} oifname != "${bridge}" masquerade
    # A container that comes back to its own network by a published port: answers have to take the same way.
    iifname "${bridge}" oifname "${bridge}" ct status dnat masquerade
  }
  chain passing {
    type filter hook forward priority filter; policy accept;
    iifname "${bridge}" oifname != "${bridge}" tcp flags syn tcp option maxseg size set rt mtu
    iifname != "${bridge}" oifname "${bridge}" ct state new ct status ! dnat counter drop
  }
`;
}

/** For nft(8): the tables of a network, empty of ports, in place of what was there of them: all at once or not. */
export function networkRuleset(network: RuledNetwork): string {
  const bodies = [bridgeTable(), inetTable(network)];
  return tablesOf(network.bridge)
    .map((table, i) => `table ${table}\ndelete table ${table}\ntable ${table} {\n${bodies[i]}}\n`)
    .join('');
}

/** For nft(8): what lets one port send, and what is published leads to it. `remove` may find nothing. */
export function portRules(
  bridge: string,
  port: RuledPort,
  published: readonly Published[],
): { readonly add: string; readonly remove: string } {
  const elements = [...fenceElements(port), ...publishedElements(port, published)];
  const lines = (verb: string) =>
    elements.map(
      ({ family, set, key, data }) =>
        `${verb} element ${family} ${tableName(bridge)} ${set} { ${key}${data === undefined ? '' : ` : ${data}`} }\n`,
    );
  // Deleting what is not there is an error, adding what is there is none.
  return { add: lines('add').join(''), remove: [...lines('add'), ...lines('delete')].join('') };
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
