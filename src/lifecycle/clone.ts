import { fault } from '../base/fault.js';
import { Snapshots } from '../state/snapshot.js';
import { readConfig } from './config-files.js';
import type { Context } from './context.js';
import { withLock } from './locking.js';
import { type Created, makeContainer } from './make-container.js';
import { withStateOf } from './snapshot-create.js';

export interface CloneOptions {
  /** A snapshot of it, absent: what it is now. */
  readonly snapshot?: string;
  /** Same machine-id, keys, MACs and ids: for a container that takes the place of the other. */
  readonly keepIdentity?: boolean;
}

/**
 * Makes a container that is what another one is, or was at a snapshot: the same config and root, another machine.
 * @throws TSCT_NO_CONTAINER, TSCT_NO_SNAPSHOT (exit 3), TSCT_EXISTS (exit 4), TSCT_BAD_NAME (exit 2).
 */
export async function clone(
  ctx: Context,
  from: string,
  to: string,
  options: CloneOptions = {},
): Promise<Created> {
  ctx.store.need(from);
  ctx.store.needFree(to);
  const clone = { isClone: true, ...(options.keepIdentity ? { identityOf: from } : {}) };
  if (options.snapshot !== undefined) {
    const { driver, layers, config } = await new Snapshots(ctx.layout.snapshotDir(from), from).need(
      options.snapshot,
    );
    return makeContainer(ctx, to, async () => ({ driver, layers, config, ...clone }));
  }
  return withLock(ctx, from, async () => {
    ctx.store.need(from);
    const config = readConfig(ctx, from);
    return withStateOf(ctx, from, { lent: true }, async ({ driver, layers, place }, writes) => {
      fault('clone.sealed');
      const source = { place, sync: () => writes.syncNames() };
      return makeContainer(ctx, to, async () => ({ driver, layers, config, source, ...clone }));
    });
  });
}
