import type { KeepRule } from '../base/keep-rule.js';
import type { BackupRecord } from '../storage/backup-engine.js';
import { retain } from '../storage/retention.js';
import {
  openRepository,
  type RepositoryOptions,
  unreadableError,
  withRepositoryLock,
} from './backup-repository.js';
import type { Context } from './context.js';

export interface BackupInfo {
  readonly id: string;
  readonly name: string;
  /** NAME or NAME@SNAP. */
  readonly of: string;
  /** ISO 8601. */
  readonly created: string;
}

/** All backups of a repository, or those of one container; oldest first. */
export async function listBackups(
  ctx: Context,
  options: RepositoryOptions,
  name?: string,
): Promise<BackupInfo[]> {
  const { backups, unreadable } = await openRepository(ctx, options).list();
  for (const file of unreadable) {
    ctx.warn(`the repository is damaged: ${file} cannot be read: there is a backup more than are told of`);
  }
  return backups.filter((backup) => name === undefined || backup.name === name).map(describe);
}

/** Reads all of a repository. @returns what is damaged. */
export async function verifyBackups(ctx: Context, options: RepositoryOptions): Promise<string[]> {
  const engine = openRepository(ctx, options);
  return withRepositoryLock(ctx, options.repo, () => engine.verify());
}

/**
 * Removes the backups that a rule does not keep, for each container by itself; the newest of each always stays.
 * @returns those that are gone, or would be.
 */
export async function pruneBackups(
  ctx: Context,
  options: RepositoryOptions,
  rule: KeepRule,
  { dryRun, name }: { readonly dryRun: boolean; readonly name?: string },
): Promise<BackupInfo[]> {
  const engine = openRepository(ctx, options);
  return withRepositoryLock(ctx, options.repo, async () => {
    await engine.recover();
    const { backups, unreadable } = await engine.list();
    if (unreadable.length > 0) {
      throw unreadableError(
        'prune',
        unreadable,
        'what that backup needs would go: repair the repository first',
      );
    }
    const all = backups.filter((backup) => name === undefined || backup.name === name);
    const containers = [...new Set(all.map((backup) => backup.name))];
    const gone = containers.flatMap((container) => {
      const own = all.filter((backup) => backup.name === container);
      const aged = own.map((backup) => ({ ...backup, name: backup.id, container: backup.name }));
      return retain(aged, rule, Date.now()).delete.map((one) => ({ ...one, name: one.container }));
    });
    if (!dryRun) await engine.remove(gone.map((backup) => backup.id));
    return gone.map(describe);
  });
}

function describe({ id, name, of, createdMs }: BackupRecord): BackupInfo {
  return { id, name, of, created: new Date(createdMs).toISOString() };
}
