import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../base/atomic-file.js';
import { isErrno } from '../base/errors.js';
import type { ConfigFile } from '../state/root.js';
import type { Context } from './context.js';

/** The config as it is on disk, unread: a snapshot of a container with a broken one brings that back. */
export async function readConfig(ctx: Context, name: string): Promise<ConfigFile[]> {
  const names = ['config', ...(await dropIns(ctx, name))];
  return Promise.all(
    names.map(async (file) => ({
      name: file,
      text: await readFile(join(ctx.layout.containerDir(name), file), 'utf8'),
    })),
  );
}

/** Puts the files of a config in their places; drop-ins that are not among them go. Can be repeated. */
export async function writeConfig(ctx: Context, name: string, files: readonly ConfigFile[]): Promise<void> {
  const dir = ctx.layout.containerDir(name);
  for (const file of files) {
    await mkdir(dirname(join(dir, file.name)), { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(dir, file.name), file.text);
  }
  const wanted = new Set(files.map((file) => file.name));
  for (const file of await dropIns(ctx, name)) if (!wanted.has(file)) await rm(join(dir, file));
}

async function dropIns(ctx: Context, name: string): Promise<string[]> {
  try {
    const files = await readdir(ctx.layout.dropInDir(name));
    return files
      .filter((file) => file.endsWith('.conf') && !file.startsWith('.'))
      .map((file) => `config.d/${file}`)
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
