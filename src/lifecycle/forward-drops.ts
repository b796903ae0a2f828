import { type ForwardDrop, forwardFix, hasLink, readForwardDrops } from '../host/forward-drops.js';
import { bridgeName } from '../network/links.js';
import type { Context } from './context.js';

/**
 * Chains of others that a network's bridge has to be let through by, in places that they keep for it. Those without
 * such a place are told of. Looked for when a network is brought up or mended: most starts find it up.
 */
export async function chainsToOpen(
  ctx: Context,
  network: string,
  isMending: boolean,
): Promise<readonly ForwardDrop[]> {
  const bridge = bridgeName(network, ctx.layout.hash);
  if (hasLink(bridge) && !isMending) return [];
  const drops = await readForwardDrops();
  for (const drop of drops) {
    if (isMending) break;
    const where = `${drop.keeper === 'ufw' ? 'ufw' : `chain ${drop.chain} of table ${drop.family} ${drop.table}`}`;
    ctx.warn(
      drop.keeper === 'docker'
        ? `Docker drops what is forwarded (${drop.family}): ${bridge} is let through by two rules in its chain DOCKER-USER, while the network is up`
        : `${where} drops what is forwarded: containers on ${network} get out after ${forwardFix(drop, bridge)}`,
    );
  }
  return drops.filter(({ keeper }) => keeper === 'docker');
}
