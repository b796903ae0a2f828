import { type AtomicWrites, withWrites } from '../base/atomic-file.js';
import { fault } from '../base/fault.js';
import { randomUuid } from '../base/random.js';
import { currentText, readCurrent } from '../state/current.js';
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
    return withStateOf(ctx, name, options, async (state, writes) => {
      const { driver, layers, running, frozenMs, copiedBytes } = state;
      const config = readConfig(ctx, name);
      snapshots.stage(writes, snapshot, {
        ...{ driver, layers, config, createdMs: Date.now(), by: options.by ?? 'manual' },
        ...{ running, frozenMs, copiedBytes, uuid: randomUuid() },
      });
      await state.place();
      fault('snapshot.unnamed');
      await writes.placeNext();
      await writes.syncNames();
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
  /**
   * Puts the `current` in place that no longer writes to what was sealed: to be called before anybody names that.
   * Its name is on disk after `syncNames`: before those of files that name the layers, or in one with them, since a
   * directory that was changed first comes first, in the journals of all file systems here.
   */
  place(): Promise<void>;
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
  work: (state: SealedState, writes: AtomicWrites) => Promise<T>,
): Promise<T> {
  const { store } = imageContext(ctx);
  const current = await readCurrent(ctx.layout.currentFile(name));
  const driver = driverOf(current.driver);
  const { status } = await observe(ctx, name);
  const seal = async (pin: Pin, writes: AtomicWrites) => {
    const context = { store, pin, trees: treeTools(ctx) };
    if (status) {
      const captured = await driver.capture(context, current, freezer(ctx, name, options));
      return work({ driver: current.driver, running: true, ...captured, place: async () => {} }, writes);
    }
    const { layers, root } = await (options.lent ? driver.lend : driver.seal)(context, current);
    fault('snapshot.sealed');
    await pin.add(...layers);
    if (root !== current) writes.stage(ctx.layout.currentFile(name), currentText(root));
    const place = async () => {
      if (root !== current) await writes.placeNext();
      fault('snapshot.current');
    };
    const state = { driver: current.driver, layers, running: false, frozenMs: 0, copiedBytes: 0, place };
    return work(state, writes);
  };
  return store.withPin(name, [], (pin) => withWrites((writes) => seal(pin, writes)));
}

/** `20261122T031500Z`: sorts as time does, and is the same wherever it is read. */
export function timeName(time: Date): string {
  return time.toISOString().replace(/[-:]|\.\d+/g, '');
}
