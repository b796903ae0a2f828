import { type Cidr, type IpAddress, parseCidr, parseIp } from '../base/ip.js';
import { badValue } from '../base/units.js';
import { parsePath } from './values.js';

/** IFNAMSIZ is 16 with the NUL (if.h). */
const LINK_NAME_LENGTH_MAX = 15;

/** True for what the kernel takes as name of a link and tsct in a header; `lo` is there already. */
export function isInterfaceName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/.test(name) && name.length <= LINK_NAME_LENGTH_MAX && name !== 'lo';
}

/** A link of the host. */
export function parseLinkName(text: string): string {
  if (text.length <= LINK_NAME_LENGTH_MAX && /^[^\s/:"]+$/.test(text) && !/^\.{1,2}$/.test(text)) return text;
  throw badValue(`"${text}" is not the name of a link: 1 to 15 characters, no blank, slash, colon or quote`);
}

/** A network of tsct: also the name of its bridge. */
export function isNetworkName(name: string): boolean {
  return /^[a-z][a-z0-9-]{0,14}$/.test(name) && !name.endsWith('-') && name !== 'lo';
}

export function parseNetworkName(text: string): string {
  if (isNetworkName(text)) return text;
  throw badValue(
    `"${text}" is not the name of a network: 1 to 15 lower case letters, digits and dashes, beginning with a letter`,
  );
}

/** Whose network namespace a container is in. */
export type NetworkNamespace =
  | { readonly whose: 'own' | 'host' }
  | { readonly whose: 'container'; readonly name: string }
  /** `name`: of ip-netns(8). */
  | { readonly whose: 'file'; readonly path: string; readonly name?: string };

/** `own`, `host`, `container:NAME`, a name of ip-netns(8), or the path of a namespace. */
export function parseNetworkNamespace(text: string): NetworkNamespace {
  if (text === 'own' || text === 'host') return { whose: text };
  if (text.startsWith('/')) return { whose: 'file', path: parsePath(text) };
  const [, container, name] =
    /^(?:container:([A-Za-z0-9][A-Za-z0-9.-]*)|([A-Za-z0-9_][\w.-]*))$/.exec(text) ?? [];
  if (container !== undefined) return { whose: 'container', name: container };
  if (name !== undefined) return { whose: 'file', path: `/run/netns/${name}`, name };
  throw badValue(
    `"${text}" is neither own, host, container:NAME, nor the name or path of a network namespace`,
  );
}

/** A MAC address that one machine may have: neither a group's nor all zeros (IEEE 802). */
export function parseMac(text: string): string {
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac))
    throw badValue(`"${text}" is not a MAC address such as 02:00:00:12:34:56`);
  if (Number.parseInt(mac.slice(0, 2), 16) % 2 === 1) throw badValue(`"${text}" is the address of a group`);
  if (mac === '00:00:00:00:00:00') throw badValue(`"${text}" is nobody's address`);
  return mac;
}

/** One Address= a line. Not the address of the network itself, nor its broadcast. */
export function parseStaticAddress(text: string): readonly Cidr[] {
  const cidr = parseCidr(text);
  const first = Number.parseInt(cidr.text, 10);
  const isOdd = cidr.version === 4 ? first === 0 || first >= 224 : /^(::1?$|ff)/.test(cidr.text);
  if (isOdd || (cidr.version === 4 && first === 127))
    throw badValue(`"${text}" is no address for an interface`);
  return [cidr];
}

export function parseIps(text: string): readonly IpAddress[] {
  return text.split(/[\s,]+/).map(parseIp);
}

/** Ports of the host that lead to ports of the container: `host + n` to `container + n`, n from 0 to `count - 1`. */
export interface PortRule {
  /** Absent: every address of the host. */
  readonly address?: IpAddress;
  readonly host: number;
  readonly container: number;
  readonly count: number;
  readonly protocol: 'tcp' | 'udp';
}

/** `[IP:]HOST[-END]:CONTAINER[/tcp|udp]`; an IPv6 address stands in brackets. */
export function parsePort(text: string): readonly PortRule[] {
  const [, ip6, ip4, host, end = host, container, protocol = 'tcp'] =
    /^(?:\[([^\]]+)\]:|([\d.]+):)?(\d{1,5})(?:-(\d{1,5}))?:(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  if (host === undefined)
    throw badValue(`"${text}" is not [IP:]HOST[-END]:CONTAINER[/tcp|udp], such as 8080:80`);
  const count = Number(end) - Number(host) + 1;
  if (count < 1) throw badValue(`"${text}" ends before it begins`);
  const lasts = [Number(end), Number(container) + count - 1];
  if (Number(host) < 1 || Number(container) < 1 || lasts.some((port) => port > 65535)) {
    throw badValue(`"${text}" has a port that is not from 1 to 65535`);
  }
  const address = ip6 ?? ip4;
  return [
    {
      ...(address === undefined ? {} : { address: parseIp(address) }),
      host: Number(host),
      container: Number(container),
      count,
      protocol: protocol as 'tcp' | 'udp',
    },
  ];
}
