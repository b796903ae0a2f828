import { readFile } from 'node:fs/promises';
import { isErrno } from '../base/errors.js';
import type { ExitRecord } from '../supervisor/protocol.js';
import type { Context } from './context.js';

/** How the last run ended, as its supervisor wrote it down; null before the first end. */
export async function readLastExit(ctx: Context, name: string): Promise<ExitRecord | null> {
  try {
    return JSON.parse(await readFile(ctx.layout.lastExitFile(name), 'utf8')) as ExitRecord;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
