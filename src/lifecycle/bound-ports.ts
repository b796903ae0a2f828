import { join } from 'node:path';
import type { PortRule } from '../definition/network-values.js';
import { boundByHolder, boundKey, hasIpv6Sockets } from '../host/bound-ports.js';
import type { Context } from './context.js';

/** What of a port that the present run is to have is bound on the host at this moment. */
export type Binding = 'all' | 'some' | 'none';

/** Asks the kernel what tsct-ports of a container has. */
export function readBindings(ctx: Context, name: string): (rule: PortRule) => Binding {
  const bound = boundByHolder(join(ctx.layout.runDir(name), 'ports.lock'));
  const everywhere = hasIpv6Sockets() ? ['0.0.0.0', '::'] : ['0.0.0.0'];
  return ({ address, host, count, protocol }) => {
    const wanted = (address ? [address.text] : everywhere).flatMap((at) =>
      Array.from({ length: count }, (_, n) => boundKey(protocol, at, host + n)),
    );
    const there = wanted.filter((key) => bound.has(key)).length;
    return there === wanted.length ? 'all' : there > 0 ? 'some' : 'none';
  };
}
