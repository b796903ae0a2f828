import { existsSync } from 'node:fs';
import { canHoldUpper, mountOf, readMountTable } from '../host/mount-table.js';
import type { WritesTo } from '../plan/plan-input.js';
import { removeTree } from '../state/store.js';
import type { Context } from './context.js';
import { readCompiled } from './kept-plan.js';

/**
 * True if what the run that is under way writes to its root is gone when it ends (--ephemeral, or Volatile=). Only
 * for a running container: of a stopped one it tells how it ran last.
 */
export async function isEphemeral(ctx: Context, name: string): Promise<boolean> {
  const rootfs = (await readCompiled(ctx, name))?.plan.tsct.rootfs;
  return rootfs?.driver === 'overlay' && rootfs.upper !== undefined;
}

/** Where an ephemeral run writes: to disk, or to memory where the state root's disk cannot hold an upper layer. */
export function throwAwayTo(ctx: Context): WritesTo {
  return canHoldUpper(mountOf(ctx.layout.root, readMountTable()).fsType) ? 'run' : 'memory';
}

/**
 * Removes what an ephemeral run has written, where its own end could not: after a crash of the host. After any other
 * native has done it. The caller holds the lock, and the container is stopped.
 */
export async function clearRunLayer(ctx: Context, name: string): Promise<void> {
  const layer = ctx.layout.runLayer(name);
  if (existsSync(layer)) await removeTree(layer);
}
