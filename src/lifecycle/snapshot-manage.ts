import { parseSnapshotAddress } from '../base/address.js';
import { type Snapshot, Snapshots } from '../state/snapshot.js';
import type { Context } from './context.js';
import { forEach } from './each.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';

/** One snapshot, as listings show it. */
export interface SnapshotInfo {
  readonly name: string;
  readonly snapshot: string;
  /** ISO 8601. */
  readonly created: string;
  /** `manual`, `restore`, or `schedule NAME`. */
  readonly by: string;
  readonly running: boolean;
  readonly frozenMs: number;
  readonly copiedBytes: number;
  readonly driver: Snapshot['driver'];
  readonly layers: readonly string[];
  /** The same on every host that has received it; null in snapshots of an older tsct. */
  readonly uuid: string | null;
}

/** The snapshots of a container, oldest first. @throws TSCT_NO_CONTAINER (exit 3), TSCT_DAMAGED_RECORD. */
export async function listSnapshots(ctx: Context, name: string): Promise<SnapshotInfo[]> {
  ctx.store.need(name);
  const all = await snapshotsOf(ctx, name).all();
  return all.map(({ name: snapshot, snapshot: record }) => ({
    name,
    snapshot,
    created: new Date(record.createdMs).toISOString(),
    by: record.by,
    running: record.running,
    frozenMs: record.frozenMs,
    copiedBytes: record.copiedBytes,
    driver: record.driver,
    layers: record.layers,
    uuid: record.uuid ?? null,
  }));
}

/** Deletes snapshots (NAME@SNAP), each on its own. @returns those that are gone. */
export function deleteSnapshots(
  ctx: Context,
  addresses: readonly string[],
): Promise<{ readonly name: string; readonly snapshot: string }[]> {
  return forEach(addresses, async (address) => {
    const { name, snapshot } = parseSnapshotAddress(address);
    await deleteSnapshot(ctx, name, snapshot);
    return { name, snapshot };
  });
}

/** Deletes a snapshot, and what only it needed. @throws TSCT_NO_SNAPSHOT (exit 3). */
export async function deleteSnapshot(ctx: Context, name: string, snapshot: string): Promise<void> {
  ctx.store.need(name);
  await snapshotsOf(ctx, name).need(snapshot);
  await imageContext(ctx).store.sweepAfter(() =>
    withLock(ctx, name, async () => {
      await snapshotsOf(ctx, name).need(snapshot);
      await snapshotsOf(ctx, name).remove(snapshot);
    }),
  );
}

/** @throws TSCT_NO_SNAPSHOT (exit 3), TSCT_EXISTS (exit 4), TSCT_BAD_NAME (exit 2). */
export async function renameSnapshot(ctx: Context, name: string, from: string, to: string): Promise<void> {
  ctx.store.need(name);
  await withLock(ctx, name, async () => {
    const snapshots = snapshotsOf(ctx, name);
    await snapshots.need(from);
    snapshots.needFree(to);
    await snapshots.rename(from, to);
  });
}

function snapshotsOf(ctx: Context, name: string): Snapshots {
  return new Snapshots(ctx.layout.snapshotDir(name), name);
}
