import { existsSync } from 'node:fs';
import { type AtomicWrites, withWrites } from '../base/atomic-file.js';
import { isErrno, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import { type Current, currentText, readCurrent } from '../state/current.js';
import { Snapshots } from '../state/snapshot.js';
import { removeOtherDropIns, writeConfig } from './config-files.js';
import type { Context } from './context.js';

/**
 * Puts in place what became true with `current` (a restore): config and kept snapshot. Does nothing when there is
 * nothing to do, and can be repeated: a crash in the middle is mended by the next command. The caller holds the lock.
 */
export async function settle(ctx: Context, name: string): Promise<void> {
  if (existsSync(ctx.layout.changeFile(name))) {
    const { settleChange } = await import('./settle-change.js'); // hardly ever
    await settleChange(ctx, name);
  }
  const current = await readable(ctx, name);
  if (!current?.unsettled) return;
  await withWrites(async (writes) => {
    stageSettled(ctx, name, current, writes);
    await placeSettled(ctx, name, current, writes);
  });
}

/** Begins to write what an unsettled `current` speaks of, and the one that is settled. */
export function stageSettled(
  ctx: Context,
  name: string,
  { unsettled, ...settled }: Omit<Current, 'format'>,
  writes: AtomicWrites,
): void {
  writeConfig(ctx, name, unsettled?.config ?? [], (path, text) => writes.stage(path, text));
  if (unsettled?.keep) {
    const snapshots = new Snapshots(ctx.layout.snapshotDir(name), name);
    snapshots.stage(writes, unsettled.keep.name, unsettled.keep.snapshot);
  }
  writes.stage(ctx.layout.currentFile(name), currentText(settled));
}

/**
 * Puts that in place; what is in `writes` already is in place. All but the settled `current` is on disk then. That
 * one need not be: until the name of it is, it is done again, which changes nothing for as long as nobody touches
 * what it wrote. The config lies in the same directory; Snapshots.remove and rename flush that one first.
 */
export async function placeSettled(
  ctx: Context,
  name: string,
  { unsettled }: Omit<Current, 'format'>,
  writes: AtomicWrites,
): Promise<void> {
  if (!unsettled) return;
  for (const _ of unsettled.config) await writes.placeNext();
  removeOtherDropIns(ctx, name, unsettled.config);
  fault('restore.config');
  if (unsettled.keep) await writes.placeNext();
  fault('restore.kept');
  await writes.syncNames();
  await writes.placeNext();
}

/** A damaged record is for the verb that needs it to complain about: `destroy` does not. */
async function readable(ctx: Context, name: string): Promise<Current | undefined> {
  try {
    return await readCurrent(ctx.layout.currentFile(name));
  } catch (error) {
    if (error instanceof TsctError || isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
