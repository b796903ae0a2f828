import { chmod, mkdir, stat } from 'node:fs/promises';
import { isErrno } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';

/** Of a tree, whatever the umask is. */
export async function makeDirectory(path: HostPath): Promise<void> {
  await mkdir(path);
  await chmod(path, 0o755);
}

export async function exists(path: HostPath): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
