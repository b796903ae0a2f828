import ipaddr from 'ipaddr.js';
import { badValue } from './units.js';

/** An address as it is written canonically (RFC 5952 for IPv6). */
export interface IpAddress {
  readonly version: 4 | 6;
  readonly text: string;
}

/** An address with the length of its network's prefix in bits. */
export interface Cidr extends IpAddress {
  readonly length: number;
}

/** @throws TSCT_BAD_VALUE */
export function parseIp(text: string): IpAddress {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return { version: 4, text };
  if (text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)) {
    return { version: 6, text: ipaddr.IPv6.parse(text).toRFC5952String() };
  }
  throw badValue(`"${text}" is not an IP address`);
}

/** `10.1.2.3/24`, `fd00::1/64`. @throws TSCT_BAD_VALUE */
export function parseCidr(text: string): Cidr {
  const [, address, digits] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  if (address === undefined) throw badValue(`"${text}" is not an address with a prefix length, ADDRESS/BITS`);
  const ip = parseIp(address);
  const length = Number(digits);
  if (length > bitsOf(ip.version)) throw badValue(`"${text}" has a prefix longer than the address`);
  return { ...ip, length };
}

export function bitsOf(version: 4 | 6): number {
  return version === 4 ? 32 : 128;
}

/** The address as a number. */
export function toNumber(text: string): bigint {
  return ipaddr
    .parse(text)
    .toByteArray()
    .reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/** The other way round. */
export function fromNumber(number: bigint, version: 4 | 6): string {
  const bytes = Array.from({ length: bitsOf(version) / 8 }, (_, i, all = bitsOf(version) / 8 - 1) =>
    Number((number >> BigInt(8 * (all - i))) & 0xffn),
  );
  const address = ipaddr.fromByteArray(bytes);
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}

/** First number of the network, and how many there are in it. */
export function extentOf({ text, version, length }: Cidr): { readonly first: bigint; readonly size: bigint } {
  const size = 1n << BigInt(bitsOf(version) - length);
  return { first: toNumber(text) & ~(size - 1n), size };
}

/** True when the network has the address in it. */
export function contains(network: Cidr, address: IpAddress): boolean {
  if (network.version !== address.version) return false;
  const { first, size } = extentOf(network);
  const number = toNumber(address.text);
  return number >= first && number < first + size;
}

/** True when one of the two networks has the other in it: prefixes cannot overlap in any other way. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.length <= b.length ? contains(a, b) : contains(b, a);
}

/** `10.1.2.3/24` is in `10.1.2.0/24`. */
export function networkOf(cidr: Cidr): Cidr {
  return { ...cidr, text: fromNumber(extentOf(cidr).first, cidr.version) };
}

export function formatCidr({ text, length }: Cidr): string {
  return `${text}/${length}`;
}
