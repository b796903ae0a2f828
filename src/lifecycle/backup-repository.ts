import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../base/atomic-file.js';
import { makeDirectories } from '../base/directories.js';
import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { FileLock } from '../state/lock.js';
import type { BackupEngine, BackupRecord } from '../storage/backup-engine.js';
import { Restic } from '../storage/restic.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';

export interface RepositoryOptions {
  readonly repo: HostPath;
  /** Absent: the state root's own key, which the first backup makes. */
  readonly keyFile?: HostPath;
}

/** Whoever comes while a backup is made waits for it: cron starts things whenever it likes. */
const LOCK_WAIT_MS = 6 * 3600 * 1000;
const KEY_BYTES = 32;

/** Opens a repository that is there. @throws TSCT_NO_REPOSITORY (exit 3), TSCT_BACKUP_KEY. */
export function openRepository(ctx: Context, options: RepositoryOptions): BackupEngine {
  const engine = engineOf(ctx, options, keyOf(ctx, options));
  if (engine.isThere()) return engine;
  throw new TsctError('TSCT_NO_REPOSITORY', `there is no repository in ${options.repo}`, {
    exitCode: ExitCode.NotFound,
    hint: `the first backup makes it: tsct backup create NAME --repo ${options.repo}`,
  });
}

/** The same, made if it is not there; its key, too. */
export async function openOrMakeRepository(ctx: Context, options: RepositoryOptions): Promise<BackupEngine> {
  const key = options.keyFile === undefined ? await makeKey(ctx) : keyOf(ctx, options);
  const engine = engineOf(ctx, options, key);
  makeDirectories(options.repo, 0o700);
  if (!engine.isThere()) {
    await withRepositoryLock(ctx, options.repo, async () => {
      if (!engine.isThere()) await engine.create();
    });
  }
  return engine;
}

/** Nobody else writes to the repository meanwhile, backup or prune. @throws TSCT_BUSY (exit 4) after six hours. */
export async function withRepositoryLock<T>(
  ctx: Context,
  repo: HostPath,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(repo, 'tsct.lock');
  const lock = (await FileLock.acquire(path, { timeoutMs: 0 })) ?? (await waitForLock(ctx, path, repo));
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

async function waitForLock(ctx: Context, path: HostPath, repo: HostPath): Promise<FileLock> {
  ctx.progress({ what: `wait for another tsct command at ${repo}` });
  const lock = await FileLock.acquire(path, { timeoutMs: LOCK_WAIT_MS, signal: ctx.signal });
  if (lock) return lock;
  throw new TsctError('TSCT_BUSY', `cannot lock ${repo}: another tsct command is at work on it`, {
    exitCode: ExitCode.WrongState,
    hint: 'wait for that to end, then try again',
  });
}

/**
 * A backup of a container: one that was named, or the newest.
 * @throws TSCT_NO_BACKUP (exit 3), TSCT_BACKUP_DAMAGED when nobody can tell which is the newest.
 */
export async function findBackup(
  engine: BackupEngine,
  name: string,
  repo: HostPath,
  id: string | undefined,
): Promise<BackupRecord> {
  const { backups, unreadable } = await engine.list();
  if (id === undefined && unreadable.length > 0) {
    throw unreadableError(`tell which backup of ${name} is the newest`, unreadable, 'name one: --id ID');
  }
  const own = backups.filter((backup) => backup.name === name);
  const found =
    id === undefined ? own.at(-1) : own.find((backup) => id.length >= 4 && matches(backup.id, id));
  if (found) return found;
  const which = id === undefined ? 'no backup' : `no backup ${id}`;
  throw new TsctError('TSCT_NO_BACKUP', `there is ${which} of ${name} in ${repo}`, {
    exitCode: ExitCode.NotFound,
    hint: `see: tsct backup list --repo ${repo}`,
  });
}

/** The words for damage that may concern any backup. */
export function unreadableError(doing: string, unreadable: readonly string[], hint: string): TsctError {
  const what = `the repository is damaged: ${unreadable.join(', ')} cannot be read`;
  return new TsctError('TSCT_BACKUP_DAMAGED', `cannot ${doing}: ${what}`, { hint });
}

function matches(short: string, id: string): boolean {
  return short.startsWith(id) || id.startsWith(short);
}

function engineOf(ctx: Context, { repo }: RepositoryOptions, key: HostPath): BackupEngine {
  return new Restic(repo, key, imageContext(ctx).tools);
}

function ownKey(ctx: Context): HostPath {
  return join(ctx.layout.root, '.backup', 'key');
}

function keyOf(ctx: Context, { keyFile }: RepositoryOptions): HostPath {
  const path = keyFile ?? ownKey(ctx);
  if (!existsSync(path)) {
    throw new TsctError('TSCT_BACKUP_KEY', `cannot read the key ${path}: there is no such file`, {
      hint: 'give the key that the repository was made with: --key-file FILE',
    });
  }
  if (statSync(path).size === 0) {
    throw new TsctError('TSCT_BACKUP_KEY', `cannot use the key ${path}: the file is empty`);
  }
  if ((statSync(path).mode & 0o077) !== 0) ctx.warn(`others can read the key ${path}: chmod 600 ${path}`);
  return path;
}

async function makeKey(ctx: Context): Promise<HostPath> {
  const path = ownKey(ctx);
  await ctx.store.prepare();
  await withLock(ctx, '_backup-key', async () => {
    if (existsSync(path)) return;
    makeDirectories(join(ctx.layout.root, '.backup'), 0o700);
    await writeFileAtomic(path, `${randomBytes(KEY_BYTES).toString('base64url')}\n`);
    ctx.warn(
      `made the key ${path}: without it nobody can read the backups, not even you. Keep a copy of it elsewhere than on this host, and not beside the repository`,
    );
  });
  return path;
}
