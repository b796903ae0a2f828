import { sha256 } from '../base/digest.js';
import { type Cidr, extentOf, fromNumber } from '../base/ip.js';

/** IFNAMSIZ is 16 with the NUL (if.h). */
const NAME_LENGTH_MAX = 15;
const HASH_LENGTH = 8;

function digest(...parts: readonly string[]): string {
  return sha256(parts.join('\0')).toString('hex');
}

/**
 * Name of a network's bridge: the network's own, where the state root is the default one.
 * @param rootHash of the state root (StateLayout.hash). A name too long for both gives up its end to a hash of all.
 */
export function bridgeName(network: string, rootHash: string): string {
  if (rootHash === '') return network;
  const lengthMax = NAME_LENGTH_MAX - 1 - HASH_LENGTH;
  if (network.length <= lengthMax) return `${network}-${rootHash}`;
  return `${network.slice(0, lengthMax)}-${digest(network, rootHash).slice(0, HASH_LENGTH)}`;
}

/**
 * Number of the table of routes that answers of an interface go by, in the container. The kernel's own are below 256;
 * what others choose by hand is small.
 */
export function replyTable(link: string): number {
  return 0x74000000 + Number.parseInt(digest('replies', link).slice(0, 6), 16);
}

/** By which a bridge is known to be a network's, whatever it is called. No link of a container is called so. */
export function bridgeAltName(key: string): string {
  return `tsctnet-${key}`;
}

/** Of bridges of tsct and of host ends of routed interfaces (IFLA_GROUP): behind those there are containers. "tsct". */
export const LINK_GROUP = 0x74736374;

/** Of the host's end of an interface. @param key of the container. */
export function portName(key: string, link: string): string {
  return `vt${digest(key, link).slice(0, HASH_LENGTH)}`;
}

export function portAltName(key: string, link: string): string {
  return `tsct-${key}-${link}`;
}

/** Of the link that what an interface sends passes, where that is limited. @param key of the container. */
export function rateLinkName(key: string, link: string): string {
  return `vr${digest(key, link).slice(0, HASH_LENGTH)}`;
}

/** No other link is called so. */
export function rateLinkAltName(key: string, link: string): string {
  return `tsctrate-${key}-${link}`;
}

/** A MAC address that stays as long as what it is made of: locally administered, of one station (IEEE 802c). */
export function stableMac(...of: readonly string[]): string {
  return [
    '02',
    ...(digest('mac', ...of)
      .slice(0, 10)
      .match(/../g) ?? []),
  ].join(':');
}

/** The address that SLAAC makes of a MAC in a /64 (RFC 4291, appendix A). */
export function slaacAddress(prefix: Cidr, mac: string): string {
  const [first = 0, ...rest] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const bytes = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const host = bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  return fromNumber(extentOf(prefix).first | host, 6);
}

const LINK_LOCAL: Cidr = { version: 6, text: 'fe80::', length: 64 };

export function linkLocalAddress(mac: string): string {
  return slaacAddress(LINK_LOCAL, mac);
}
