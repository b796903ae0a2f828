import { parseBitRate } from '../base/units.js';
import { parseFirewallMatch } from './firewall-values.js';
import { list, one, oneOr } from './key-row.js';
import { KIND_KEYS } from './kind-keys.js';
import {
  parseIps,
  parseLinkName,
  parseMac,
  parseNetworkName,
  parseNetworkNamespace,
  parsePort,
  parseStaticAddress,
} from './network-values.js';
import { parseBoolean, parseInteger } from './values.js';

/** Smallest that IPv6 runs over (RFC 8200), largest that an IP packet is. */
const MTU_MIN = 1280;
const MTU_MAX = 65535;

/** What is said once for all interfaces. */
export const NETWORK_KEYS = {
  Private: oneOr('private', parseBoolean, 'no', {
    live: true,
    syntax: 'BOOL',
    help: 'No interface but loopback, whatever [Network IF] sections there are.',
  }),
  Namespace: oneOr('namespace', parseNetworkNamespace, 'own', {
    syntax: 'own|host|container:NAME|NAME|PATH',
    help: "Whose network it is in; with any but own there are no [Network IF] sections. host: the host's, with all of its links and addresses, over which root inside has no power: it can neither change them nor catch packets, nor take ports below 1024; but it reaches what the host offers on 127.0.0.1, and its abstract Unix sockets, some of which trust whoever gets there. container:NAME: that of another container, which has to run; when that is started again, this one has to be, too. NAME: one of ip-netns(8), PATH: any, such as /proc/1234/ns/net.",
  }),
};

/** [Network IF]: one section for each interface, which is called IF inside. */
export const INTERFACE_KEYS = {
  Network: oneOr('network', parseNetworkName, 'tsct0', {
    live: true,
    syntax: 'NAME',
    help: "The network of tsct (tsct network create) that it is on: addresses, routes, names and the way out are tsct's. tsct0 is made when it is needed first.",
  }),
  Bridge: one('bridge', parseLinkName, {
    live: true,
    syntax: 'LINK',
    help: 'A bridge of the host that it is a port of, instead of a network of tsct. Addresses are those of Address=, or what the guest gets by DHCP there.',
  }),
  ...KIND_KEYS,
  MACAddress: one('mac', parseMac, {
    live: true,
    syntax: 'MAC',
    help: 'Its address on the link. Not set: one that is made of the uuid of the container and the name of the interface, and so stays. Kind=ipvlan and physical have that of Link=.',
  }),
  MTUBytes: one('mtu', parseInteger(MTU_MIN, MTU_MAX), {
    live: true,
    syntax: '1280...65535',
    unit: 'bytes',
    help: 'Largest packet. Not set: what the bridge has, or the link that it is made on.',
  }),
  Address: list('addresses', parseStaticAddress, {
    live: true,
    syntax: 'ADDRESS/BITS',
    help: 'An address of its own choice, up before init runs. On a network of tsct it is in the subnet of that, and takes the place of the one of its kind (IPv4, IPv6) that tsct would choose.',
  }),
  Gateway: list('gateways', parseIps, {
    live: true,
    syntax: 'ADDRESS...',
    help: "Where the default route leads, one of each kind. Not set: a network's own gateway, or that of Kind=routed, for the first interface that has one. What is sent from an address of another interface that has one goes by its own all the same (ip-rule(8)).",
  }),
  DNS: list('dns', parseIps, {
    live: true,
    syntax: 'ADDRESS...',
    help: "Name servers, for the guest's /etc/resolv.conf (see Exec.ResolvConf=). Not set: a network's own.",
  }),
  Port: list('ports', parsePort, {
    live: true,
    syntax: '[IP:]HOST[-END]:CONTAINER[/tcp|udp]',
    help: 'A port of the host, or a range, that leads to a port of the container, or as many from it on. An IPv6 address stands in brackets. Each is bound on the host by the process tsct-ports while the container runs, so a start fails if something else has it; that process also relays what comes to 127.0.0.1 and [::1] from the host itself. If it is killed, the supervisor starts it again: after 0.1 s, and after twice as long each time if that does not last, up to 10 s. So it does with a port that another program has taken meanwhile; supervisor.log in /run/tsct/NAME says who.',
  }),
  IngressMax: one('ingressMaxBits', parseBitRate, {
    live: true,
    syntax: 'RATE',
    unit: 'bits per second',
    help: 'The most that it receives, with K, M or G to the base of 1000, as Rate= of systemd.network(5): 20M is 20 Mbit/s. Held by the host: root inside can do nothing about it. Not set: no limit.',
  }),
  EgressMax: one('egressMaxBits', parseBitRate, {
    live: true,
    syntax: 'RATE',
    unit: 'bits per second',
    help: 'The most that it sends, as IngressMax=. Needs ifb in the kernel (tsct check): what it sends passes one on the host.',
  }),
  Priority: one('priority', parseInteger(0, 7), {
    live: true,
    syntax: '0...7',
    help: "Priority of what it sends beyond its network (SO_PRIORITY in socket(7)), by which queues of the host's own links go that know priorities. Not set: what the packet's own type of service makes of it.",
  }),
  Isolated: one('isolated', parseBoolean, {
    live: true,
    syntax: 'BOOL',
    help: 'Neither to nor from other containers of its network, whatever they say. The way out stays, and so do published ports, its own and theirs, which are reached by addresses of the host as from anywhere. With Kind=routed: neither to nor from others that are routed or on networks of tsct. Not set: no.',
  }),
  Allow: list('allow', parseFirewallMatch, {
    live: true,
    syntax: 'in|out PEER [tcp|udp|icmp [PORT[-END]]]',
    group: 'firewall',
    help: "What may come in, or go out. PEER is at the other end: ADDRESS[/BITS], any, or gateway, the address of its network, where names are asked for (out gateway udp 53); with Kind=routed that of the host on its link. PORT is its own for in, the other end's for out. The first line of Allow= and Deny= that matches counts, in the order in which they stand. What none matches is denied where its direction has an Allow=, else allowed. Answers to what was allowed always pass, and so does what the network itself lives by: ARP, neighbour discovery, DHCP. Who comes by a published port is judged by the port of the container that it leads to, and by his own address; the host has many, and is the gateway for who comes by 127.0.0.1 or [::1]. Between containers of one network answers are told from questions by the flags of TCP, for UDP by having been asked in the last two minutes, for ICMP by its type; of other protocols both directions have to be allowed.",
  }),
  Deny: list('deny', parseFirewallMatch, {
    live: true,
    syntax: 'in|out PEER [tcp|udp|icmp [PORT[-END]]]',
    group: 'firewall',
    help: 'What may not; see Allow=. It is dropped without a word.',
  }),
};
