import { type Cidr, formatCidr } from '../base/ip.js';

/** A network as its rules see it. */
export interface RuledNetwork {
  readonly bridge: string;
  /** Of the bridge. */
  readonly mac: string;
  readonly ipv4: Cidr;
  readonly ipv6: Cidr;
}

/** Ours alone, whatever else is called like the bridge; no keyword of nft(8) begins so. */
export function tableName(bridge: string): string {
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
function bridgeTable({ mac }: RuledNetwork): string {
  return `  set ports { type ifname; }
  set own_mac { type ifname . ether_addr; }
  set own4 { type ifname . ipv4_addr; }
  set own6 { type ifname . ipv6_addr; }
  # The target of a neighbour advertisement, at its place in the packet: this nft has no name for it.
  set target6 { typeof iifname . @th,64,128; }
  chain arriving {
    type filter hook prerouting priority -300; policy accept;
    iifname @ports jump sent
    # Here, where what is published has not been led to a port yet: br_netfilter may do that, from port to port.
    ether daddr @isolated_mac counter drop
    iifname @isolated ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 ether daddr != ${mac} counter drop
  }
  set isolated_mac { type ether_addr; }
  # Whatever is honest returns, to be judged on; an accept would end all that arriving has to say.
  chain sent {
    iifname . ether saddr != @own_mac counter drop
    ether type ip goto sent4
    ether type arp goto sent_arp
    ether type ip6 goto sent6
    counter drop
  }
  chain sent4 {
    udp sport 67 counter drop
    iifname . ip saddr @own4 return
    ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 return
    counter drop
  }
  chain sent_arp {
    iifname . arp saddr ether != @own_mac counter drop
    iifname . arp saddr ip @own4 return
    arp operation request arp saddr ip 0.0.0.0 return
    counter drop
  }
  chain sent6 {
    icmpv6 type { nd-router-advert, nd-redirect } counter drop
    udp sport 547 counter drop
    icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @target6 counter drop
    iifname . ip6 saddr @own6 return
    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } return
    counter drop
  }
  # What is bridged, from port to port.
  set isolated { type ifname; }
  map in { type ifname : verdict; }
  map out { type ifname : verdict; }
  chain between {
    type filter hook forward priority filter; policy accept;
    iifname @isolated ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 counter drop
    oifname @isolated oifname . ether daddr != @own_mac counter drop
    iifname vmap @out
    oifname vmap @in
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
    # By their source: what br_netfilter shows here has no link that it came by.
    ip saddr ${formatCidr(ipv4)} oifname "${bridge}" ct status dnat masquerade
    ip6 saddr ${formatCidr(ipv6)} oifname "${bridge}" ct status dnat masquerade
  }
  chain passing {
    type filter hook forward priority filter; policy accept;
    iifname "${bridge}" oifname != "${bridge}" tcp flags syn tcp option maxseg size set rt mtu
    iifname != "${bridge}" oifname "${bridge}" ct state new ct status ! dnat counter drop
    iifname "${bridge}" meta priority set ip saddr map @priority4
    iifname "${bridge}" meta priority set ip6 saddr map @priority6
    # By way of the gateway's MAC address, from port to port all the same.
    iifname "${bridge}" oifname "${bridge}" ct status ! dnat jump apart
    ct state established,related accept
    iifname "${bridge}" jump from_containers
    oifname "${bridge}" jump to_containers
  }
  set isolated4 { type ipv4_addr; }
  set isolated6 { type ipv6_addr; }
  map priority4 { type ipv4_addr : classid; }
  map priority6 { type ipv6_addr : classid; }
  map in4 { type ipv4_addr : verdict; }
  map in6 { type ipv6_addr : verdict; }
  map out4 { type ipv4_addr : verdict; }
  map out6 { type ipv6_addr : verdict; }
  chain apart {
    ip saddr @isolated4 counter drop
    ip daddr @isolated4 counter drop
    ip6 saddr @isolated6 counter drop
    ip6 daddr @isolated6 counter drop
  }
  # The fence of the bridge has seen to it that each address is its holder's.
  chain from_containers {
    ip saddr vmap @out4
    ip6 saddr vmap @out6
  }
  chain to_containers {
    ip daddr vmap @in4
    ip6 daddr vmap @in6
  }
  chain to_host {
    type filter hook input priority filter; policy accept;
    iifname != "${bridge}" accept
    ct state established,related accept
    udp sport 68 udp dport 67 accept
    udp sport 546 udp dport 547 accept
    jump from_containers
  }
  chain from_host {
    type filter hook output priority filter; policy accept;
    oifname != "${bridge}" accept
    ct state established,related accept
    udp sport 67 udp dport 68 accept
    udp sport 547 udp dport 546 accept
    jump to_containers
  }
`;
}

/** For nft(8): the tables of a network, empty of ports, in place of what was there of them: all at once or not. */
export function networkRuleset(network: RuledNetwork): string {
  const bodies = [bridgeTable(network), inetTable(network)];
  return tablesOf(network.bridge)
    .map((table, i) => `table ${table}\ndelete table ${table}\ntable ${table} {\n${bodies[i]}}\n`)
    .join('');
}

/** For nft(8): lets a bridge through Docker's policy, in the chain that it leaves to others. Our own chains judge. */
export function guestRules(
  bridge: string,
  chains: readonly { readonly family: string; readonly table: string }[],
): string {
  return chains
    .flatMap(({ family, table }) =>
      ['iifname', 'oifname'].map(
        (end) =>
          `insert rule ${family} ${table} DOCKER-USER ${end} "${bridge}" counter accept comment "${tableName(bridge)}"\n`,
      ),
    )
    .join('');
}
