import { ExitCode, TsctError } from '../base/errors.js';
import { FileLock } from '../state/lock.js';
import type { Context } from './context.js';
import { settle } from './settle.js';

/** How long a command waits for another one at the same container: longer than any start takes. */
const LOCK_TIMEOUT_MS = 60_000;

/**
 * Holds the lock of a container while `work` runs; what a killed command did not finish is finished first. The container may be gone, or there, only by then: check inside.
 * @param options.timeoutMs how long to wait for another command, default 60 s.
 * @throws TSCT_BUSY (exit 4).
 */
export async function withLock<T>(
  ctx: Context,
  name: string,
  work: (lock: FileLock) => Promise<T>,
  options: { readonly timeoutMs?: number } = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? LOCK_TIMEOUT_MS;
  const lock = await FileLock.acquire(ctx.layout.lockFile(name), { timeoutMs, signal: ctx.signal });
  if (!lock) {
    throw new TsctError('TSCT_BUSY', `cannot lock ${name}: another tsct command is at work on it`, {
      exitCode: ExitCode.WrongState,
      hint: 'wait for that to end, then try again',
    });
  }
  try {
    if (ctx.store.has(name)) await settle(ctx, name);
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/** Runs `work` if nobody else is at the container; @returns undefined at once if somebody is. */
export async function ifUnlocked<T>(
  ctx: Context,
  name: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const lock = await FileLock.acquire(ctx.layout.lockFile(name), { timeoutMs: 0, signal: ctx.signal });
  if (!lock) return undefined;
  try {
    if (ctx.store.has(name)) await settle(ctx, name);
    return await work();
  } finally {
    await lock.release();
  }
}
