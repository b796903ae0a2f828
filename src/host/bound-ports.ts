import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { isErrno } from '../base/errors.js';
import { fromNumber } from '../base/ip.js';
import type { HostPath } from '../base/paths.js';
import { readOptional } from './optional-file.js';

type Protocol = 'tcp' | 'udp';

/** What {@link boundByHolder} tells of one socket. */
export function boundKey(protocol: Protocol, address: string, port: number): string {
  return `${protocol} ${address} ${port}`;
}

/**
 * Ports of the host that are bound at this moment by the process whose number is in a lock file, which it has open for as
 * long as it lives: a number may be somebody else's by now. None where it is gone. TCP: it listens.
 */
export function boundByHolder(lock: HostPath): ReadonlySet<string> {
  const open = openBy(Number.parseInt(readOptional(lock) ?? '', 10));
  if (!open.includes(lock)) return new Set();
  const inodes = new Set(open.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
  return new Set(
    (['tcp', 'udp'] as const).flatMap((protocol) =>
      ([4, 6] as const).flatMap((version) => {
        const text = readOptional(`/proc/net/${protocol}${version === 6 ? 6 : ''}`) ?? '';
        return parseSockets(text, protocol, version, inodes);
      }),
    ),
  );
}

/** Whether this host has IPv6 at all. */
export function hasIpv6Sockets(): boolean {
  return existsSync('/proc/net/tcp6');
}

/** proc(5), /proc/net/tcp: 1 local address and port, 3 state (0A: listens), 9 inode. @param inodes whose are told. */
function parseSockets(
  text: string,
  protocol: Protocol,
  version: 4 | 6,
  inodes: ReadonlySet<string>,
): string[] {
  return text.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (!inodes.has(inode) || (protocol === 'tcp' && state !== '0A')) return [];
    const [address = '', port = ''] = local.split(':');
    // Words of 32 bits, as the machine has them: x86 and ARM the lowest byte first.
    const hex = (address.match(/.{8}/g) ?? []).map((word) => (word.match(/../g) ?? []).reverse().join(''));
    const ip = fromNumber(BigInt(`0x${hex.join('')}`), version);
    return [boundKey(protocol, ip, Number.parseInt(port, 16))];
  });
}

/** What the descriptors of a process lead to; those that it closes meanwhile, and all of one that ends, are left out. */
function openBy(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  const look = <T>(work: () => T, gone: T): T => {
    try {
      return work();
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ESRCH')) return gone;
      throw error;
    }
  };
  const names = look(() => readdirSync(directory), []);
  return names.map((name) => look(() => readlinkSync(`${directory}/${name}`), ''));
}
