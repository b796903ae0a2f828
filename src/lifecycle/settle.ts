import { isErrno, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import { type Current, readCurrent, writeCurrent } from '../state/current.js';
import { Snapshots } from '../state/snapshot.js';
import { writeConfig } from './config-files.js';
import type { Context } from './context.js';

/**
 * Puts in place what became true with `current` (a restore): config and kept snapshot. Does nothing when there is
 * nothing to do, and can be repeated: a crash in the middle is mended by the next command. The caller holds the lock.
 */
export async function settle(ctx: Context, name: string): Promise<void> {
  const current = await readable(ctx, name);
  if (!current?.unsettled) return;
  const { unsettled, ...settled } = current;
  await writeConfig(ctx, name, unsettled.config);
  fault('restore.config');
  if (unsettled.keep) {
    const snapshots = new Snapshots(ctx.layout.snapshotDir(name), name);
    await snapshots.write(unsettled.keep.name, unsettled.keep.snapshot);
  }
  fault('restore.kept');
  await writeCurrent(ctx.layout.currentFile(name), settled);
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
