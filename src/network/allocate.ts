import { sha256 } from '../base/digest.js';
import { ExitCode, TsctError } from '../base/errors.js';
import { type Cidr, extentOf, formatCidr, fromNumber, toNumber } from '../base/ip.js';

/** Addresses of a subnet that are no container's: its own, the bridge's, the broadcast. */
const NOT_FOR_CONTAINERS = 3n;

/** How many containers have room in a subnet. */
export function roomIn(subnet: Cidr): bigint {
  const { size } = extentOf(subnet);
  return size > NOT_FOR_CONTAINERS ? size - NOT_FOR_CONTAINERS : 0n;
}

/** True for an address of the subnet that a container may have. */
export function isForContainers(subnet: Cidr, address: string): boolean {
  const { first, size } = extentOf(subnet);
  const offset = toNumber(address) - first;
  return offset >= 2n && offset < size - 1n;
}

/**
 * An address that is free. The first that is tried is a hash of the container's name: one that is made again gets
 * the address that it had.
 * @param network its name, for the message.
 * @throws TSCT_NETWORK_FULL (exit 4).
 */
export function chooseAddress(
  network: string,
  subnet: Cidr,
  { container, taken }: { readonly container: string; readonly taken: ReadonlySet<string> },
): string {
  const room = roomIn(subnet);
  const { first } = extentOf(subnet);
  const hash = sha256(container).readBigUInt64BE();
  for (let i = 0n; i < room; i++) {
    const address = fromNumber(first + 2n + ((hash + i) % room), subnet.version);
    if (!taken.has(address)) return address;
  }
  throw new TsctError(
    'TSCT_NETWORK_FULL',
    `cannot give ${container} an address: network ${network} (${formatCidr(subnet)}) is full, with ${room} containers`,
    {
      exitCode: ExitCode.WrongState,
      hint: `make it larger: tsct network set ${network} ipv4=${larger(subnet)}; or destroy containers that are not needed`,
    },
  );
}

/** Twice the room around the same addresses. */
function larger(subnet: Cidr): string {
  const length = Math.max(subnet.length - 1, 8);
  return `${fromNumber(extentOf({ ...subnet, length }).first, subnet.version)}/${length}`;
}
