import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { HostPath } from '../base/paths.js';

/** Directories of a repository whose files are named by the SHA-256 of what they hold (restic's design document). */
const BY_CONTENT = ['keys', 'snapshots', 'index', 'data'];

/** Files whose content is not what their name says, relative to the repository. Reads all of it. */
export async function changedFiles(repository: HostPath, signal: AbortSignal): Promise<string[]> {
  const changed: string[] = [];
  for (const file of contentFiles(repository)) {
    signal.throwIfAborted();
    if ((await digestOf(join(repository, file))) !== basename(file)) changed.push(file);
  }
  return changed;
}

/** Removes files that a killed process had not finished. */
export async function removeUnfinished(repository: HostPath): Promise<void> {
  for (const directory of BY_CONTENT) {
    for (const file of filesIn(repository, directory)) {
      if (/-tmp-\d+$/.test(file)) await unlink(join(repository, file));
    }
  }
}

/** The path of a file that restic calls `<data/4beca4e515>` or by its whole id. */
export function pathOf(repository: HostPath, type: string, idStart: string): string {
  const known = contentFiles(repository).find(
    (file) => file.startsWith(`${type}/`) && basename(file).startsWith(idStart),
  );
  return known ?? (type === 'data' ? `data/${idStart.slice(0, 2)}/${idStart}` : `${type}/${idStart}`);
}

/** The files of a repository, or of one of its directories, that are named by what they hold. */
export function contentFiles(repository: HostPath, ...directories: readonly string[]): string[] {
  const within = directories.length > 0 ? directories : BY_CONTENT;
  return within
    .flatMap((directory) => filesIn(repository, directory))
    .filter((file) => /^[0-9a-f]{64}$/.test(basename(file)));
}

function filesIn(repository: HostPath, directory: string): string[] {
  if (!existsSync(join(repository, directory))) return [];
  return readdirSync(join(repository, directory), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(repository, join(directory, entry.name)) : [join(directory, entry.name)],
  );
}

async function digestOf(file: HostPath): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file, { highWaterMark: 1024 ** 2 }))
    hash.update(piece as Buffer);
  return hash.digest('hex');
}
