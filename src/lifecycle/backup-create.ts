import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAddress } from '../base/address.js';
import { TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import { runArchive } from '../image/archive.js';
import type { BackupEngine, Saved } from '../storage/backup-engine.js';
import { addon } from '../supervisor/addon.js';
import { openOrMakeRepository, type RepositoryOptions, withRepositoryLock } from './backup-repository.js';
import type { Context } from './context.js';
import type { Hooks } from './freezer.js';
import { imageContext } from './image-context.js';
import { machineOf } from './machine.js';
import { manifestText } from './manifest.js';
import { type HeldState, VIEW_DIR, viewWords, withHeldState } from './view.js';

/** A stopped container that is started while it is read is read once more, as a running one. */
const TRIES = 3;

export interface BackupMade extends Saved {
  readonly name: string;
  readonly of: string;
  readonly seconds: number;
}

/**
 * Adds a backup of a container, or of a snapshot, to a repository, which is made if it is not there.
 * @param address NAME or NAME@SNAP.
 * @throws TSCT_NO_CONTAINER, TSCT_NO_SNAPSHOT (exit 3), what {@link BackupEngine} throws.
 */
export async function createBackup(
  ctx: Context,
  address: string,
  options: RepositoryOptions & Hooks,
): Promise<BackupMade> {
  const { name } = parseAddress(address);
  ctx.store.need(name);
  const since = Date.now();
  const engine = await openOrMakeRepository(ctx, options);
  const saved = await withRepositoryLock(ctx, options.repo, async () => {
    await engine.recover();
    for (let tries = 1; ; tries++) {
      try {
        return await saveState(ctx, engine, address, options);
      } catch (error) {
        if (tries === TRIES || !(error instanceof TsctError) || error.code !== 'TSCT_CHANGED') throw error;
      }
    }
  });
  return { name, of: address, ...saved, seconds: Math.round((Date.now() - since) / 100) / 10 };
}

async function saveState(ctx: Context, engine: BackupEngine, address: string, hooks: Hooks): Promise<Saved> {
  let saved: Saved | undefined;
  try {
    await withHeldState(ctx, parseAddress(address), `back up ${address}`, hooks, async (state) => {
      fault('backup.held');
      saved = await save(ctx, engine, address, state);
      fault('backup.saved');
    });
  } catch (error) {
    // Of a state that changed while it was read.
    if (saved) await engine.remove([saved.id]);
    throw error;
  }
  if (!saved) throw new TsctError('TSCT_BACKUP_FAILED', `cannot back up ${address}: nothing was read`);
  return saved;
}

async function save(ctx: Context, engine: BackupEngine, of: string, state: HeldState): Promise<Saved> {
  const manifest = addon().sealedMemfd(
    'tsct-manifest',
    Buffer.from(manifestText(state, { machine: await machineOf(ctx, state.name) })),
  );
  const [output, input] = await namelessFile();
  const fds = [manifest, output, input];
  try {
    const { tools } = imageContext(ctx);
    const via = viewWords(state.trees);
    await runArchive(tools, ['survey', VIEW_DIR], `back up ${of}`, { via, stdout: output });
    return await engine.save({
      name: state.name,
      of,
      via: viewWords(state.trees, ['tsct/manifest.json', 'tsct/mend']),
      fds: [manifest, input],
    });
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** A file to write, and the same from its start to read; a killed process leaves none. */
async function namelessFile(): Promise<[output: number, input: number]> {
  const dir = await mkdtemp(join(tmpdir(), 'tsct-mend-'));
  try {
    return [openSync(join(dir, 'mend'), 'wx', 0o600), openSync(join(dir, 'mend'), 'r')];
  } finally {
    await rm(dir, { recursive: true });
  }
}
