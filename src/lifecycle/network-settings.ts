import { ExitCode, TsctError } from '../base/errors.js';
import { type Cidr, formatCidr, networkOf, parseCidr } from '../base/ip.js';
import { isNetworkName } from '../definition/network-values.js';

/** What may be chosen of a network. */
export interface NetworkSettings {
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly mtu?: number;
}

/** `ipv4=SUBNET`, `ipv6=SUBNET`, `mtu=BYTES`. @throws TSCT_USAGE (exit 2). */
export function parseSettings(words: readonly string[]): NetworkSettings {
  return Object.assign({}, ...words.map(parseWord)) as NetworkSettings;
}

function parseWord(word: string): NetworkSettings {
  const [, key, value = ''] = /^(ipv4|ipv6|mtu)=(.*)$/.exec(word) ?? [];
  if (key === undefined) throw usage(`cannot read "${word}"`);
  return key === 'mtu' ? { mtu: Number(value) } : { [key]: value };
}

/** Room for two at least, and no more than what is private of one kind (10.0.0.0/8). */
const IPV4_LENGTHS = [8, 30] as const;

/** @throws TSCT_USAGE (exit 2). */
export function checkSettings({ ipv4, ipv6, mtu }: NetworkSettings): NetworkSettings {
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= 1280 && mtu <= 65535)) {
    throw usage(`${mtu} is not a size of packets from 1280 to 65535`);
  }
  return {
    ...(ipv4 === undefined ? {} : { ipv4: checkSubnet(ipv4, 4, IPV4_LENGTHS) }),
    ...(ipv6 === undefined ? {} : { ipv6: checkSubnet(ipv6, 6, [64, 64]) }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}

function checkSubnet(text: string, version: 4 | 6, [min, max]: readonly [number, number]): string {
  let subnet: Cidr;
  try {
    subnet = parseCidr(text);
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
  if (subnet.version !== version || subnet.length < min || subnet.length > max) {
    throw usage(`${text} is no IPv${version} subnet of /${min}${min === max ? '' : ` to /${max}`}`);
  }
  return formatCidr(networkOf(subnet));
}

function usage(why: string): TsctError {
  return new TsctError('TSCT_USAGE', why, {
    exitCode: ExitCode.Usage,
    hint: 'for example ipv4=10.80.0.0/24 ipv6=fd12:3456:789a::/64 mtu=1400',
  });
}

/** @throws TSCT_BAD_NAME (exit 2). */
export function checkNetworkName(name: string): void {
  if (isNetworkName(name)) return;
  throw new TsctError('TSCT_BAD_NAME', `${JSON.stringify(name)} is not a name for a network`, {
    exitCode: ExitCode.Usage,
    hint: '1 to 15 lower case letters, digits and dashes, beginning with a letter: it is the name of a bridge, too',
  });
}
