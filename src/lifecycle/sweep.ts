import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno } from '../base/errors.js';
import { removeTree } from '../state/store.js';
import type { Context } from './context.js';
import { type Observed, observe, observeRunning } from './observe.js';

/**
 * Cleans what crashes left, whoever's they were: dead supervisors' mounts and cgroups, containers that create did
 * not finish, directories that destroy did not finish, lock files. What somebody is at work on is left alone.
 * Failing to clean is a warning: it must not keep `list` from listing.
 * @param running as observed just now, by whoever needs it, too.
 */
export async function sweep(ctx: Context, running?: ReadonlyMap<string, Observed>): Promise<void> {
  const observed = [...(running ?? (await observeRunning(ctx)))];
  const jobs = [
    ...observed
      .filter(([, { debris }]) => debris)
      .map(
        ([name]) =>
          () =>
            clearDebris(ctx, name),
      ),
    ...ctx.store.partials().map((name) => () => clearPartial(ctx, name)),
    ...ctx.store.doomed().map(
      ({ name, path }) =>
        () =>
          clearDoomed(ctx, name, path),
    ),
    ...namesIn(dirname(ctx.layout.runLayer('x'))).map((name) => () => clearRun(ctx, name)),
    ...(isStoreInterrupted(ctx) ? [() => sweepStore(ctx)] : []),
    ...(namesIn(ctx.layout.volumesDir).some((name) => name.startsWith('.tmp-'))
      ? [() => clearVolumes(ctx)]
      : []),
    ...ctx.store.lockFiles().map((path) => () => clearLockFile(path)),
  ];
  for (const job of jobs) {
    try {
      await job();
    } catch (error) {
      ctx.warn(error instanceof Error ? error.message : String(error));
    }
  }
}

/** What the jobs need is loaded by them: `list` on a sane host must not pay for it. */
async function ifUnlocked(ctx: Context, name: string, work: () => Promise<void>): Promise<void> {
  const locking = await import('./locking.js');
  await locking.ifUnlocked(ctx, name, work);
}

/** First what it used: while its directory is there, somebody knows of it. */
async function clearDoomed(ctx: Context, name: string, path: string): Promise<void> {
  const { imageContext } = await import('./image-context.js');
  await ifUnlocked(ctx, name, async () => {
    await imageContext(ctx).store.sweepUnused();
    await removeTree(path);
  });
}

async function clearDebris(ctx: Context, name: string): Promise<void> {
  await ifUnlocked(ctx, name, async () => {
    if (!(await observe(ctx, name)).debris) return;
    const { tearDown } = await import('./tear-down.js');
    await tearDown(ctx, name);
  });
}

/** What an interrupted create left. The caller must not hold the lock. */
export async function clearPartial(ctx: Context, name: string): Promise<void> {
  await ifUnlocked(ctx, name, async () => {
    if (existsSync(ctx.layout.partialMark(name))) await ctx.store.remove(name);
  });
}

/** What an ephemeral container wrote when the host crashed. */
async function clearRun(ctx: Context, name: string): Promise<void> {
  await ifUnlocked(ctx, name, async () => {
    const observed = await observe(ctx, name);
    if (observed.status || observed.debris) return;
    const { clearRunLayer } = await import('./ephemeral.js');
    await clearRunLayer(ctx, name);
  });
}

/** Two readdirs: what follows costs loading the storage part, which `list` must not pay for. */
function isStoreInterrupted(ctx: Context): boolean {
  return (
    namesIn(dirname(ctx.layout.layerDir('x'))).some((name) => name.startsWith('.tmp-')) ||
    namesIn(ctx.layout.pinDir).length > 0
  );
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** A change that was cut short is finished first, which whoever locks the container does. */
async function sweepStore(ctx: Context): Promise<void> {
  const { imageContext } = await import('./image-context.js');
  const { store } = imageContext(ctx);
  if (!(await store.isInterrupted())) return;
  for (const name of await store.interruptedContainers()) await ifUnlocked(ctx, name, async () => {});
  await store.sweepUnused();
}

async function clearVolumes(ctx: Context): Promise<void> {
  const { sweepVolumes } = await import('./volume.js');
  await sweepVolumes(ctx);
}

/** A killed command leaves its lock file, which locks nothing any more. */
async function clearLockFile(path: string): Promise<void> {
  const { FileLock } = await import('../state/lock.js');
  const lock = await FileLock.acquire(path, { timeoutMs: 0 });
  await lock?.release();
}
