import { fault } from '../base/fault.js';
import { readCurrent, writeCurrent } from '../state/current.js';
import type { DriverName } from '../state/root.js';
import { Snapshots } from '../state/snapshot.js';
import { driverOf } from '../storage/drivers.js';
import type { Pin } from '../storage/pin.js';
import { readConfig } from './config-files.js';
import type { Context } from './context.js';
import { freezer, type Hooks } from './freezer.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { treeTools } from './tree-tools.js';

export interface SnapshotOptions extends Hooks {
  /** Absent: the time, as 20261122T031500Z. */
  readonly snapshot?: string;
  /** Who takes it, default `manual`: see Snapshot. */
  readonly by?: string;
}

export interface SnapshotTaken {
  readonly name: string;
  readonly snapshot: string;
  readonly running: boolean;
  /** How long the container stood still. */
  readonly frozenMs: number;
  readonly copiedBytes: number;
}

/**
 * Keeps the present state of a container, root and config together.
 * @throws TSCT_NO_CONTAINER (exit 3), TSCT_EXISTS (exit 4), TSCT_BAD_NAME (exit 2), TSCT_HOOK_FAILED.
 */
export async function takeSnapshot(
  ctx: Context,
  name: string,
  options: SnapshotOptions = {},
): Promise<SnapshotTaken> {
  ctx.store.need(name);
  const snapshots = new Snapshots(ctx.layout.snapshotDir(name), name);
  const snapshot = options.snapshot ?? timeName(new Date());
  snapshots.needFree(snapshot);
  return withLock(ctx, name, async () => {
    ctx.store.need(name);
    snapshots.needFree(snapshot);
    return withStateOf(ctx, name, options, async (state) => {
      const { driver, layers, running, frozenMs, copiedBytes } = state;
      const config = await readConfig(ctx, name);
      const by = options.by ?? 'manual';
      fault('snapshot.unnamed');
      await snapshots.write(snapshot, {
        ...{ driver, layers, config, createdMs: Date.now(), by },
        ...{ running, frozenMs, copiedBytes },
      });
      return { name, snapshot, running, frozenMs, copiedBytes };
    });
  });
}

/** A state of a container as sealed layers. */
export interface SealedState {
  readonly driver: DriverName;
  readonly layers: readonly string[];
  readonly running: boolean;
  readonly frozenMs: number;
  readonly copiedBytes: number;
}

interface SealOptions extends Hooks {
  /** Needed no longer than the lock is held: drivers that copy need not. */
  readonly lent?: boolean;
}

/** Seals what a container is now, for as long as `work` runs or somebody names it. The caller holds its lock. */
export async function withStateOf<T>(
  ctx: Context,
  name: string,
  options: SealOptions,
  work: (state: SealedState, pin: Pin) => Promise<T>,
): Promise<T> {
  const { store } = imageContext(ctx);
  const current = await readCurrent(ctx.layout.currentFile(name));
  const driver = driverOf(current.driver);
  const { status } = await observe(ctx, name);
  return store.withPin(name, [], async (pin) => {
    const context = { store, pin, trees: treeTools(ctx) };
    if (status) {
      const captured = await driver.capture(context, current, freezer(ctx, name, options));
      return work({ driver: current.driver, running: true, ...captured }, pin);
    }
    const { layers, root } = await (options.lent ? driver.lend : driver.seal)(context, current);
    fault('snapshot.sealed');
    await pin.add(...layers);
    if (root !== current) await writeCurrent(ctx.layout.currentFile(name), root);
    fault('snapshot.current');
    return work({ driver: current.driver, layers, running: false, frozenMs: 0, copiedBytes: 0 }, pin);
  });
}

/** `20261122T031500Z`: sorts as time does, and is the same wherever it is read. */
export function timeName(time: Date): string {
  return time.toISOString().replace(/[-:]|\.\d+/g, '');
}
