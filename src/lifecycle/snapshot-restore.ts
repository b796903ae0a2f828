import { withWrites } from '../base/atomic-file.js';
import { ExitCode, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import { randomUuid } from '../base/random.js';
import { currentText, readCurrent } from '../state/current.js';
import { type Snapshot, Snapshots } from '../state/snapshot.js';
import { driverOf } from '../storage/drivers.js';
import { readConfig } from './config-files.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { placeSettled, stageSettled } from './settle.js';
import { timeName } from './snapshot-create.js';
import { stop } from './stop.js';
import { tearDown } from './tear-down.js';
import { treeTools } from './tree-tools.js';

export interface RestoreOptions {
  /** Stop it first if it runs. */
  readonly stop?: boolean;
  /** Do not keep the present state as a snapshot. */
  readonly discard?: boolean;
  /** The same when it is so; asked once nobody can change that state any more. */
  readonly discardIf?: () => Promise<boolean>;
}

export interface Restored {
  readonly name: string;
  readonly snapshot: string;
  /** The snapshot that the state before is kept as; null when it was not to be kept. */
  readonly kept: string | null;
}

/**
 * Brings back root and config of a snapshot, not the identity. At any moment a crash leaves the old or the new
 * state: what counts changes by one rename.
 * @throws TSCT_NO_SNAPSHOT (exit 3), TSCT_RUNNING (exit 4).
 */
export async function restoreSnapshot(
  ctx: Context,
  name: string,
  snapshot: string,
  options: RestoreOptions = {},
): Promise<Restored> {
  ctx.store.need(name);
  const snapshots = new Snapshots(ctx.layout.snapshotDir(name), name);
  await snapshots.need(snapshot);
  if (options.stop) await stop(ctx, name);
  const replace = () =>
    withLock(ctx, name, async () => {
      ctx.store.need(name);
      await needStopped(ctx, name);
      const discard = options.discard ?? (await options.discardIf?.()) ?? false;
      return replaceRoot(ctx, name, await snapshots.need(snapshot), discard);
    });
  const sweeps = options.discard || options.discardIf;
  const kept = await (sweeps ? imageContext(ctx).store.sweepAfter(replace) : replace());
  return { name, snapshot, kept };
}

/** @throws TSCT_RUNNING (exit 4). */
export async function needStopped(ctx: Context, name: string): Promise<void> {
  const observed = await observe(ctx, name);
  if (observed.status) {
    throw new TsctError('TSCT_RUNNING', `cannot restore ${name}: it is running`, {
      exitCode: ExitCode.WrongState,
      hint: `stop it first: tsct stop ${name}, or let restore do it: --stop`,
    });
  }
  if (observed.debris) await tearDown(ctx, name);
}

async function replaceRoot(
  ctx: Context,
  name: string,
  snapshot: Snapshot,
  discard: boolean,
): Promise<string | null> {
  const { store } = imageContext(ctx);
  const { unsettled: _, ...before } = await readCurrent(ctx.layout.currentFile(name));
  return store.withPin(name, [...snapshot.layers, before.upper], async (pin) => {
    const driver = driverOf(before.driver);
    const root = await driver.grow({ store, pin, trees: treeTools(ctx) }, snapshot.layers);
    const keep = discard
      ? undefined
      : await describeBefore(ctx, name, driver.asLayers(before), before.driver);
    fault('restore.grown');
    const after = { ...root, unsettled: { config: snapshot.config, ...(keep ? { keep } : {}) } };
    await withWrites(async (writes) => {
      writes.stage(ctx.layout.currentFile(name), currentText(after));
      stageSettled(ctx, name, after, writes);
      await writes.placeNext();
      fault('restore.current');
      await placeSettled(ctx, name, after, writes);
    });
    return keep?.name ?? null;
  });
}

/** The old writable tree is sealed by no longer being written to: it is kept as it is, whatever the driver. */
async function describeBefore(
  ctx: Context,
  name: string,
  layers: readonly string[],
  driver: Snapshot['driver'],
): Promise<{ readonly name: string; readonly snapshot: Snapshot }> {
  const createdMs = Date.now();
  const taken = new Set(await new Snapshots(ctx.layout.snapshotDir(name), name).names());
  const base = `before-restore-${timeName(new Date(createdMs))}`;
  let free = base;
  for (let n = 2; taken.has(free); n++) free = `${base}-${n}`;
  const config = readConfig(ctx, name);
  return {
    name: free,
    snapshot: {
      ...{ format: 1, driver, layers, config, createdMs, by: 'restore' },
      ...{ running: false, frozenMs: 0, copiedBytes: 0, uuid: randomUuid() },
    },
  };
}
