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

/** How a run ended, in words. */
export function describeExit(exit: ExitRecord): string {
  if (exit.cause === 'exited') return `init ended with exit code ${exit.code}`;
  if (exit.cause === 'signal') return `init was killed by signal ${exit.code}`;
  return {
    poweroff: 'powered off',
    reboot: 'rebooted',
    killed: 'killed',
    'oom-kill': 'killed for want of memory: it reached Resources.MemoryMax=',
    'start-failed': 'start failed',
  }[exit.cause];
}
