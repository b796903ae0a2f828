import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { PortRule } from '../definition/network-values.js';
import { boundBy, boundKey, hasIpv6Sockets } from '../host/bound-ports.js';
import type { Context } from './context.js';

/** What of a port that the present run is to have is bound on the host at this moment. */
export type Binding = 'all' | 'some' | 'none';

/** Asks the kernel what tsct-ports of a container has. */
export async function readBindings(ctx: Context, name: string): Promise<(rule: PortRule) => Binding> {
  const pid = await holderOf(join(ctx.layout.runDir(name), 'ports.lock'));
  const bound = pid === undefined ? new Set<string>() : await boundBy(pid);
  const everywhere = (await hasIpv6Sockets()) ? ['0.0.0.0', '::'] : ['0.0.0.0'];
  return ({ address, host, count, protocol }) => {
    const wanted = (address ? [address.text] : everywhere).flatMap((at) =>
      Array.from({ length: count }, (_, n) => boundKey(protocol, at, host + n)),
    );
    const there = wanted.filter((key) => bound.has(key)).length;
    return there === wanted.length ? 'all' : there > 0 ? 'some' : 'none';
  };
}

/** The lock has its number, and it has the lock open for as long as it lives: a number may be somebody else's by now. */
async function holderOf(lock: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(lock, 'utf8').catch(() => ''), 10);
  if (!(pid > 1)) return undefined;
  const directory = `/proc/${pid}/fd`;
  const names = await readdir(directory).catch(() => []);
  const targets = await Promise.all(names.map((fd) => readlink(`${directory}/${fd}`).catch(() => '')));
  return targets.includes(lock) ? pid : undefined;
}
