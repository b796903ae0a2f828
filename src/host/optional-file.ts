import { readFileSync } from 'node:fs';
import { isErrno } from '../base/errors.js';

/** Text of a file, or undefined if it is not there or not for us; any other failure is thrown. */
export function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}
