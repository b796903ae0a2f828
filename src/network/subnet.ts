import { ExitCode, TsctError } from '../base/errors.js';
import { type Cidr, extentOf, formatCidr, fromNumber, overlaps, parseCidr } from '../base/ip.js';

/** Where /24s for networks are looked for: away from 10.0.x.y, which everybody takes first. */
const SPACE = parseCidr('10.64.0.0/10');
const IPV4_LENGTH = 24;
const IPV6_LENGTH = 64;

/** A default route covers everything and collides with nothing. */
function isSpecific({ length }: Cidr): boolean {
  return length > 0;
}

/**
 * A /24 that overlaps nothing that the host knows a way to.
 * @param taken routes and addresses of the host, subnets of other networks. @param random below 1, from 0 on.
 * @throws TSCT_NO_SUBNET (exit 5).
 */
export function chooseIpv4Subnet(taken: readonly Cidr[], random: number): Cidr {
  const ranges = taken.filter((route) => route.version === 4 && isSpecific(route)).map(extentOf);
  const { first, size } = extentOf(SPACE);
  const step = 1n << BigInt(32 - IPV4_LENGTH);
  const count = Number(size / step);
  const start = Math.floor(random * count);
  for (let i = 0; i < count; i++) {
    const number = first + BigInt((start + i) % count) * step;
    if (ranges.some((range) => range.first < number + step && number < range.first + range.size)) continue;
    return { version: 4, text: fromNumber(number, 4), length: IPV4_LENGTH };
  }
  throw new TsctError(
    'TSCT_NO_SUBNET',
    `cannot find a subnet: the host has routes to all of ${formatCidr(SPACE)}`,
    {
      exitCode: ExitCode.HostLacks,
      hint: 'name one that is free: tsct network create NAME --ipv4 ADDRESS/BITS',
    },
  );
}

/** A /64 of a random global id, as RFC 4193 (3.2) wants it: a collision is not to be expected, and not taken. */
export function chooseIpv6Subnet(taken: readonly Cidr[], randomBytes: () => Uint8Array): Cidr {
  for (;;) {
    const id = [0xfd, ...randomBytes().slice(0, 5)].reduce(
      (number, byte) => (number << 8n) | BigInt(byte),
      0n,
    );
    const subnet: Cidr = { version: 6, text: fromNumber(id << 80n, 6), length: IPV6_LENGTH };
    if (!taken.filter(isSpecific).some((other) => overlaps(other, subnet))) return subnet;
  }
}

/** The first address of a subnet after its own: the bridge's. */
export function gatewayOf(subnet: Cidr): Cidr {
  return { ...subnet, text: fromNumber(extentOf(subnet).first + 1n, subnet.version) };
}
