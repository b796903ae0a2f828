import { readdir, readFile, readlink } from 'node:fs/promises';
import { fromNumber } from '../base/ip.js';

type Protocol = 'tcp' | 'udp';

/** What {@link boundBy} tells of one socket. */
export function boundKey(protocol: Protocol, address: string, port: number): string {
  return `${protocol} ${address} ${port}`;
}

/** Ports of the host that a process has bound at this moment; none where it is gone. TCP: it listens. */
export async function boundBy(pid: number): Promise<ReadonlySet<string>> {
  const inodes = await socketsOf(pid);
  const files = (['tcp', 'udp'] as const).flatMap((protocol) =>
    ([4, 6] as const).map(async (version) => {
      const text = await readText(`/proc/net/${protocol}${version === 6 ? 6 : ''}`);
      return parseSockets(text, protocol, version, inodes);
    }),
  );
  return new Set((await Promise.all(files)).flat());
}

/** Whether this host has IPv6 at all. */
export async function hasIpv6Sockets(): Promise<boolean> {
  return (await readText('/proc/net/tcp6')) !== '';
}

/** proc(5), /proc/net/tcp: 1 local address and port, 3 state (0A: listens), 9 inode. @param inodes whose are told. */
export function parseSockets(
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

async function socketsOf(pid: number): Promise<ReadonlySet<string>> {
  const directory = `/proc/${pid}/fd`;
  const names = await readdir(directory).catch(() => []);
  const targets = await Promise.all(names.map((name) => readlink(`${directory}/${name}`).catch(() => '')));
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
