import { lstatSync, realpathSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncPath } from '../base/atomic-file.js';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { HostPath } from '../base/paths.js';
import { addon } from '../supervisor/addon.js';

/**
 * Gives `work` a descriptor to write a file to. The file has its name only once all of it is on disk; until then it
 * is `.NAME.tsct-partial`, which the next try to write it takes over. What is no regular file (a tape, a FIFO) is
 * written to as it is.
 * @throws TSCT_BUSY (exit 4) when somebody else is writing it.
 */
export async function withOutputFile<T>(path: HostPath, work: (fd: number) => Promise<T>): Promise<T> {
  const target = follow(path);
  if (target.special) {
    const file = await open(target.path, 'w');
    return work(file.fd).finally(() => file.close());
  }
  const partial = join(dirname(target.path), `.${basename(target.path)}.tsct-partial`);
  const file = await open(partial, 'a', 0o600);
  try {
    if (!addon().flockFile(file.fd, { exclusive: true, wait: false })) throw busy(path);
    try {
      await file.truncate(0);
      const result = await work(file.fd);
      await file.sync();
      fault('export.written');
      await rename(partial, target.path);
      await syncPath(dirname(target.path));
      return result;
    } catch (error) {
      await unlink(partial).catch(() => {});
      throw error;
    }
  } finally {
    await file.close();
  }
}

function follow(path: HostPath): { readonly path: HostPath; readonly special: boolean } {
  try {
    const real = realpathSync(path);
    return { path: real, special: !lstatSync(real).isFile() };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { path, special: false };
    throw error;
  }
}

function busy(path: HostPath): TsctError {
  return new TsctError('TSCT_BUSY', `cannot write ${path}: another tsct command is writing it`, {
    exitCode: ExitCode.WrongState,
    hint: 'wait for that to end, or choose another name',
  });
}
