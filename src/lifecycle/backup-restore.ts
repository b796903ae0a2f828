import { createHash } from 'node:crypto';
import { closeSync, existsSync, lstatSync, openSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories } from '../base/directories.js';
import { TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { HostPath } from '../base/paths.js';
import { type ArchiveSummary, runArchive } from '../image/archive.js';
import type { BackupEngine } from '../storage/backup-engine.js';
import type { Pin } from '../storage/pin.js';
import { warnOf } from './archive-warnings.js';
import { findBackup, openRepository, type RepositoryOptions } from './backup-repository.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { changeConfig } from './import.js';
import { type Created, makeContainer } from './make-container.js';
import { parseManifest } from './manifest.js';
import { packInto } from './pipe-archive.js';
import { sweep } from './sweep.js';

/** The rest is the process that works there. */
const TEMP_PREFIX = '.tsct-restore-';

export interface RestoreOptions extends RepositoryOptions {
  /** Absent: the newest. */
  readonly id?: string;
}

export interface Restored extends Created {
  readonly id: string;
  /** When the backup was made, ISO 8601. */
  readonly created: string;
}

/**
 * Makes a container of a backup. Under its own name it is the machine that it was (machine-id, keys, MACs), under
 * another one a new machine. All of it, or nothing.
 * @throws TSCT_EXISTS (exit 4), TSCT_NO_BACKUP, TSCT_NO_REPOSITORY (exit 3), TSCT_NEWER_FORMAT (exit 5), what
 * {@link BackupEngine} throws.
 */
export async function restoreBackup(
  ctx: Context,
  name: string,
  options: RestoreOptions & { readonly as?: string; readonly set: readonly string[] },
): Promise<Restored> {
  const target = options.as ?? name;
  ctx.store.needFree(target);
  const engine = openRepository(ctx, options);
  const { id, createdMs } = await findBackup(engine, name, options.repo, options.id);
  const where = `tsct/manifest.json of backup ${id}`;
  const manifest = parseManifest(where, await engine.text(id, '/tsct/manifest.json'));
  const config = changeConfig(manifest.config, options.set);
  await ctx.store.prepare();
  await sweep(ctx);
  const created = await makeContainer(ctx, target, async (pin) => {
    const layer = await bringBack(ctx, engine, id, pin, options.repo);
    fault('backup.restored');
    const machine = target === name && manifest.machine ? { machine: manifest.machine } : {};
    return { config, layers: [layer], ...machine };
  });
  return { ...created, id, created: new Date(createdMs).toISOString() };
}

/** The root of a backup as a layer. */
function bringBack(
  ctx: Context,
  engine: BackupEngine,
  id: string,
  pin: Pin,
  repo: HostPath,
): Promise<string> {
  return imageContext(ctx).store.add(pin, async (tree, work) => {
    ctx.progress({ what: `restore backup ${id}` });
    await engine.restore(id, work);
    const root = join(work, 'rootfs');
    const summary = await mend(ctx, root, join(work, 'tsct/mend'), `restore backup ${id}`);
    warnOf(ctx, summary);
    await rmdir(tree);
    await rename(root, tree);
    const { entries, bytes, devices, stripped } = summary;
    const digest = `sha256:${createHash('sha256').update(`backup ${repo} ${id}`).digest('hex')}`;
    return { digest, note: { origin: `backup ${id}`, entries, sizeBytes: bytes, devices, stripped } };
  });
}

/** What the engine has lost is put right (native/archive/mend.cc). */
async function mend(ctx: Context, root: HostPath, notes: HostPath, doing: string): Promise<ArchiveSummary> {
  const stdin = openSync(notes, 'r');
  try {
    return JSON.parse(await runArchive(imageContext(ctx).tools, ['mend', root], doing, { stdin }));
  } finally {
    closeSync(stdin);
  }
}

/**
 * Brings one file or directory of a backup back to a directory of the host, which gets no set-id bits and no devices.
 * @param path as the container sees it. @throws TSCT_NO_FILE, and as {@link restoreBackup}.
 */
export async function restorePath(
  ctx: Context,
  name: string,
  path: string,
  to: HostPath,
  options: RestoreOptions,
): Promise<{ readonly id: string; readonly path: string; readonly to: HostPath }> {
  const engine = openRepository(ctx, options);
  const { id } = await findBackup(engine, name, options.repo, options.id);
  const inside = join('/', path).replace(/(.)\/$/, '$1');
  const doing = `restore ${inside} of ${name}`;
  makeDirectories(to);
  await clearInterrupted(to);
  const temp = join(to, `${TEMP_PREFIX}${process.pid}`);
  await mkdir(temp, { mode: 0o700 });
  try {
    await engine.restore(id, temp, `/rootfs${inside === '/' ? '' : inside}`);
    const found = join(temp, 'rootfs', inside);
    if (!isThere(found)) {
      throw new TsctError('TSCT_NO_FILE', `cannot ${doing}: there is no such file in backup ${id}`);
    }
    await engine.restore(id, temp, '/tsct/mend');
    if (existsSync(join(temp, 'tsct/mend'))) {
      await mend(ctx, join(temp, 'rootfs'), join(temp, 'tsct/mend'), doing);
    }
    await packInto(found, `${to}/`, doing, ctx.signal);
    return { id, path: inside, to };
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

/** What killed commands left there. */
async function clearInterrupted(directory: HostPath): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(TEMP_PREFIX) || existsSync(`/proc/${name.slice(TEMP_PREFIX.length)}`)) continue;
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

function isThere(path: HostPath): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
