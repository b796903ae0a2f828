import { toNumber } from '../../src/base/ip.js';

/** Ethernet frames as hex, byte by byte: what no honest program sends. */
export interface Station {
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

const number = (value: number, bytes: number) => value.toString(16).padStart(bytes * 2, '0');
const macHex = (mac: string) => mac.replaceAll(':', '');
const ip4Hex = (text: string) => number(Number(toNumber(text)), 4);
const ip6Hex = (text: string) => toNumber(text).toString(16).padStart(32, '0');

/** RFC 1071. */
function checksum(hex: string): string {
  const words = (hex.padEnd(Math.ceil(hex.length / 4) * 4, '0').match(/.{4}/g) ?? []).map((word) =>
    Number.parseInt(word, 16),
  );
  let sum = words.reduce((total, word) => total + word, 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return number(0xffff - sum, 2);
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';
/** Of all nodes. */
export const MULTICAST6 = { mac: '33:33:00:00:00:01', ipv6: 'ff02::1' };

export interface Addressed {
  readonly from: string;
  readonly to: string;
}

/** @param tags 802.1Q or 802.1ad headers before the type, outermost first. */
export function ethernet({ from, to }: Addressed, type: number, payload: string, tags = ''): string {
  return (macHex(to) + macHex(from) + tags + number(type, 2) + payload).padEnd(120, '0');
}

export const vlanTag = (id: number, type = 0x8100) => number(type, 2) + number(id, 2);

/** Its mark, eight bytes of hex, is what it is known by when it comes out. */
export function udp4({ from, to }: Addressed, sourcePort: number, port: number, mark: string): string {
  const data = `${number(sourcePort, 2) + number(port, 2) + number(8 + mark.length / 2, 2)}0000${mark}`;
  return ipv4({ from, to }, 17, data);
}

function ipv4({ from, to }: Addressed, protocol: number, data: string): string {
  const length = number(20 + data.length / 2, 2);
  const head = (sum: string) =>
    `4500${length}00000000ff${number(protocol, 1)}${sum}${ip4Hex(from)}${ip4Hex(to)}`;
  return head(checksum(head('0000'))) + data;
}

export function ipv6({ from, to }: Addressed, protocol: number, data: (sum: string) => string): string {
  const size = data('0000').length / 2;
  const pseudo = ip6Hex(from) + ip6Hex(to) + number(size, 4) + number(protocol, 4) + data('0000');
  const head = `60000000${number(size, 2)}${number(protocol, 1)}ff${ip6Hex(from)}${ip6Hex(to)}`;
  return head + data(checksum(pseudo));
}

export const udp6 = (between: Addressed, sourcePort: number, port: number, mark: string) =>
  ipv6(
    between,
    17,
    (sum) => number(sourcePort, 2) + number(port, 2) + number(8 + mark.length / 2, 2) + sum + mark,
  );

/** With its own MAC address as an option, and a mark as one of an unknown kind. */
export const neighbourAdvertisement = (between: Addressed, target: string, mac: string, mark: string) =>
  ipv6(between, 58, (sum) => `8800${sum}20000000${ip6Hex(target)}0201${macHex(mac)}fd020000${mark}00000000`);

/** From a router with a lifetime: whoever believes it sends everything there. */
export const routerAdvertisement = (between: Addressed, mark: string) =>
  ipv6(between, 58, (sum) => `8600${sum}40000708${'00'.repeat(8)}fd020000${mark}00000000`);

/** @param claims what the sender says it is. */
export function arp(
  operation: 'request' | 'reply',
  claims: { readonly mac: string; readonly ipv4: string },
  target: { readonly mac: string; readonly ipv4: string },
  mark = '',
): string {
  const kind = operation === 'request' ? 1 : 2;
  const ends = macHex(claims.mac) + ip4Hex(claims.ipv4) + macHex(target.mac) + ip4Hex(target.ipv4);
  return `000108000604${number(kind, 2)}${ends}${mark}`;
}
