import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno } from './errors.js';

/**
 * mkdir -p. Node's own says ENOENT of a directory that could not be made for want of space (it looks for it
 * afterwards): the one above it is there, so made once more by itself it says why.
 * @param mode of those that are made. @throws errno
 */
export function makeDirectories(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    let first = path;
    while (!existsSync(dirname(first))) first = dirname(first);
    mkdirSync(first, { mode });
    mkdirSync(path, { recursive: true, mode });
  }
}
