import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDirectories } from '../base/directories.js';
import { isErrno } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { ConfigFile } from '../state/root.js';
import type { Context } from './context.js';

/** The config as it is on disk, unread: a snapshot of a container with a broken one brings that back. */
export function readConfig(ctx: Context, name: string): ConfigFile[] {
  return ['config', ...dropIns(ctx, name)].map((file) => ({
    name: file,
    text: readFileSync(join(ctx.layout.containerDir(name), file), 'utf8'),
  }));
}

/** Writes the files of a config by `write`. */
export function writeConfig(
  ctx: Context,
  name: string,
  files: readonly ConfigFile[],
  write: (path: HostPath, text: string) => void,
): void {
  for (const file of files) {
    const path = join(ctx.layout.containerDir(name), file.name);
    makeDirectories(dirname(path), 0o700);
    write(path, file.text);
  }
}

/** Takes away drop-ins that are not among the files of a config. */
export function removeOtherDropIns(ctx: Context, name: string, files: readonly ConfigFile[]): void {
  const wanted = new Set(files.map((file) => file.name));
  const others = dropIns(ctx, name).filter((file) => !wanted.has(file));
  for (const file of others) rmSync(join(ctx.layout.containerDir(name), file));
}

function dropIns(ctx: Context, name: string): string[] {
  try {
    const files = readdirSync(ctx.layout.dropInDir(name));
    return files
      .filter((file) => file.endsWith('.conf') && !file.startsWith('.'))
      .map((file) => `config.d/${file}`)
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
