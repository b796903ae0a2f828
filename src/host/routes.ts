import { readFileSync } from 'node:fs';
import { type Cidr, contains, fromNumber, parseIp } from '../base/ip.js';

/** An address that an interface has. */
export interface InterfaceAddress extends Cidr {
  readonly link: string;
}

/** Where the host knows a way to, its own addresses among it: all of its routing tables, default routes left out. */
export function readRoutes(): readonly Cidr[] {
  const routes = [
    ...parseFibTrie(readText('/proc/net/fib_trie')),
    ...parseIpv6Routes(readText('/proc/net/ipv6_route')),
  ];
  return routes.filter(({ length }) => length > 0);
}

/** What readAddressesOf reads: for whoever reads those of many ahead. */
export function addressFiles(pid: number): string[] {
  return ['fib_trie', 'route', 'if_inet6'].map((name) => `/proc/${pid}/net/${name}`);
}

/**
 * Addresses of the network namespace that a process is in, loopback's and link-local ones left out: read from outside,
 * nobody enters it. Empty when the process is gone.
 */
export function readAddressesOf(
  pid: number,
  read: (path: string) => string = readText,
): readonly InterfaceAddress[] {
  const file = (name: string) => read(`/proc/${pid}/net/${name}`);
  return [
    ...ipv4Addresses(file('fib_trie'), file('route')),
    ...parseIfInet6(file('if_inet6')).filter(({ text }) => text !== '::1' && !/^fe[89ab]/.test(text)),
  ];
}

/** Leaves of the tries: an address on one line, a prefix length and a kind of route on those below it. */
export function parseFibTrie(text: string): (Cidr & { readonly isLocal: boolean })[] {
  const found: (Cidr & { readonly isLocal: boolean })[] = [];
  let leaf = '';
  for (const line of text.split('\n')) {
    leaf = /\|-- ([\d.]+)$/.exec(line)?.[1] ?? leaf;
    const [, length, kind] = /^\s*\/(\d+) \S+ (\S+)/.exec(line) ?? [];
    if (length === undefined || leaf === '') continue;
    found.push({ version: 4, text: leaf, length: Number(length), isLocal: kind === 'LOCAL' });
  }
  return found;
}

/** Destination and prefix length in hexadecimal first (net/ipv6/route.c). */
export function parseIpv6Routes(text: string): Cidr[] {
  return text.split('\n').flatMap((line) => {
    const [, address, length] = /^([0-9a-f]{32}) ([0-9a-f]{2}) /.exec(line) ?? [];
    if (address === undefined) return [];
    return [
      { version: 6, text: fromNumber(BigInt(`0x${address}`), 6), length: Number.parseInt(length ?? '', 16) },
    ];
  });
}

/** Address, interface index, prefix length, scope and flags in hexadecimal, name of the interface. */
export function parseIfInet6(text: string): InterfaceAddress[] {
  return text.split('\n').flatMap((line) => {
    const [address = '', , length = '', , , link] = line.trim().split(/\s+/);
    if (link === undefined) return [];
    const ip = fromNumber(BigInt(`0x${address}`), 6);
    return [{ version: 6, text: ip, length: Number.parseInt(length, 16), link }];
  });
}

/** The trie knows which addresses are its own, the routes to what is linked directly know of which interface. */
export function ipv4Addresses(trie: string, routes: string): InterfaceAddress[] {
  const linked = routes.split('\n').flatMap((line) => {
    const [link = '', to = '', gateway, , , , , mask = ''] = line.split('\t');
    if (gateway !== '00000000' || to === '00000000') return [];
    const length = [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === '1').length;
    return [{ version: 4 as const, text: littleEndian(to), length, link }];
  });
  const own = parseFibTrie(trie).filter(
    ({ isLocal, length, text }) => isLocal && length === 32 && !text.startsWith('127.'),
  );
  return [...new Set(own.map(({ text }) => text))].map((text) => {
    const [nearest] = linked
      .filter((network) => contains(network, parseIp(text)))
      .sort((a, b) => b.length - a.length);
    return { version: 4, text, length: nearest?.length ?? 32, link: nearest?.link ?? '' };
  });
}

/** route(8)'s file has the bytes as this machine has them: x86 and ARM the lowest first. */
function littleEndian(hex: string): string {
  return (hex.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // no IPv6 here, or the process is gone
  }
}
