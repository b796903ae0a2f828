import { type Cidr, networkOf, parseCidr, parseIp } from '../base/ip.js';
import { badValue } from '../base/units.js';

/** What Allow= and Deny= are about. */
export interface FirewallMatch {
  /** As the container sees it. */
  readonly direction: 'in' | 'out';
  /** Who is at the other end; `gateway` is the network's own address. */
  readonly peer: Cidr | 'any' | 'gateway';
  /** `icmp` of both IP versions; absent: every protocol. */
  readonly protocol?: 'tcp' | 'udp' | 'icmp';
  /** Of whoever is asked: the container's own for `in`, the other end's for `out`; absent: every port. */
  readonly ports?: { readonly first: number; readonly last: number };
}

/** `in|out PEER [tcp|udp|icmp [PORT[-END]]]`. */
export function parseFirewallMatch(text: string): readonly FirewallMatch[] {
  const [direction, peer = '', protocol, ports, ...more] = text.split(/\s+/);
  if (direction !== 'in' && direction !== 'out') throw badValue(`"${text}" begins with neither in nor out`);
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'icmp') {
    throw badValue(`"${protocol}" is not one of tcp, udp, icmp`);
  }
  if (more.length > 0) throw badValue(`"${more.join(' ')}" is more than direction, peer, protocol and port`);
  if (ports !== undefined && protocol === 'icmp') throw badValue('icmp has no ports');
  return [
    {
      direction,
      peer: parsePeer(peer),
      ...(protocol === undefined ? {} : { protocol }),
      ...(ports === undefined ? {} : { ports: parsePorts(ports) }),
    },
  ];
}

function parsePeer(text: string): FirewallMatch['peer'] {
  if (text === 'any' || text === 'gateway') return text;
  if (text === '') throw badValue('does not say who is at the other end: any, gateway or ADDRESS[/BITS]');
  if (text.includes('/')) return networkOf(parseCidr(text));
  const ip = parseIp(text);
  return { ...ip, length: ip.version === 4 ? 32 : 128 };
}

function parsePorts(text: string): { readonly first: number; readonly last: number } {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (first === undefined || range.first < 1 || range.last > 65535 || range.last < range.first) {
    throw badValue(`"${text}" is not a port from 1 to 65535, or FIRST-LAST`);
  }
  return range;
}
