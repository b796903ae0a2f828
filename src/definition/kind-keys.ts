import { list, one, oneOr } from './key-row.js';
import { parseLinkName, parseMac } from './network-values.js';
import { parseChoice, parseInteger } from './values.js';

/** IEEE 802.1Q: 0 is no VLAN, 4095 is kept. */
const VLAN_ID_MAX = 4094;
const QUEUE_LENGTH_MAX = 4294967294;

export const MACVLAN_MODES = ['private', 'vepa', 'bridge', 'passthru', 'source'] as const;
export const IPVLAN_MODES = ['l2', 'l3', 'l3s'] as const;

/** Of [Network IF]: what an interface is on the host, and what it is made of. */
export const KIND_KEYS = {
  Kind: oneOr('kind', parseChoice('bridge', 'routed', 'macvlan', 'ipvlan', 'vlan', 'physical'), 'bridge', {
    live: true,
    syntax: 'bridge|routed|macvlan|ipvlan|vlan|physical',
    help: "What it is. bridge: the end of a veth whose other end is a port of a bridge, that of Network= or Bridge=. routed: a veth without a bridge: the host has a route to each Address=, and the container sends all to the host (its gateways are 169.254.1.1 and fe80::1), which forwards and lets it send from no other address; tsct hides nothing behind the host's address there, so whoever is to answer needs a way back: a route of his, or Link=. macvlan, ipvlan, vlan: made on Link=, and in the network beyond that a machine of its own, whom tsct cannot keep from sending as another; addresses are those of Address=, or what the guest gets by DHCP. macvlan has a MAC address of its own and cannot reach the host by Link=, ipvlan has that of Link=. physical: the link of the host that Link= names is the container's while it runs, with its own MAC address; at the end the host has it back under its name, without the addresses that it had.",
  }),
  Link: one('link', parseLinkName, {
    live: true,
    syntax: 'LINK',
    help: 'The link of the host that it is made on (macvlan, ipvlan, vlan: it has to be up), or that is given to the container (physical). With Kind=routed: one on which the host answers for each Address= (ARP and neighbour discovery), so that machines on that network, whose subnet the addresses are of, reach it without a route. Its switch proxy_ndp stays on then. Not set: on none.',
  }),
  Mode: one('mode', parseChoice(...MACVLAN_MODES, ...IPVLAN_MODES), {
    live: true,
    syntax: [...MACVLAN_MODES, ...IPVLAN_MODES].join('|'),
    help: 'Who reaches whom on one Link=. Kind=macvlan: bridge (not set), each other directly; private, nobody; vepa, by way of a switch outside that sends back; passthru, the only one on Link=, whose MAC address it takes; source, only who sends from SourceMACAddress= reaches it. Kind=ipvlan: l2 (not set), l3, where Link= routes for it and its default route needs no Gateway=, l3s, the same by way of the connection tracking and rules of the host.',
  }),
  SourceMACAddress: list('sourceMacs', (text) => text.split(/\s+/).map(parseMac), {
    live: true,
    syntax: 'MAC...',
    help: 'Who is heard with Mode=source.',
  }),
  VLANId: one('vlanId', parseInteger(1, VLAN_ID_MAX), {
    live: true,
    syntax: `1...${VLAN_ID_MAX}`,
    help: 'Which VLAN of Link= a Kind=vlan is on. Each is made once only on one link.',
  }),
  TransmitQueueLength: one('queueLength', parseInteger(0, QUEUE_LENGTH_MAX), {
    live: true,
    syntax: `0...${QUEUE_LENGTH_MAX}`,
    unit: 'packets',
    help: 'How many packets may wait to be sent by it, as systemd.link(5) has it. Not set: what the kernel has for its kind.',
  }),
};
