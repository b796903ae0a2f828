import { type FileHandle, mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno, TsctError } from '../base/errors.js';

/** flock(2) with LOCK_EX|LOCK_NB on a file descriptor: false when somebody else holds it. */
export type TryLock = (fd: number) => boolean;

export interface LockOptions {
  /** How long to wait for somebody else, in ms; 0: not at all. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * An flock on a file of its own, released by the kernel when its holder dies, kill -9 included.
 * Node opens files with O_CLOEXEC, so no child keeps it.
 */
export class FileLock {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /**
   * Waits for the lock; polls, because a blocking flock(2) would stop Node's event loop and with it Ctrl-C.
   * @throws TSCT_LOCKED after the timeout.
   */
  static async acquire(path: string, tryLock: TryLock, options: LockOptions): Promise<FileLock> {
    const deadline = Date.now() + options.timeoutMs;
    for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 50)) {
      const lock = await FileLock.tryAcquire(path, tryLock);
      if (lock) return lock;
      options.signal?.throwIfAborted();
      if (Date.now() >= deadline) {
        throw new TsctError('TSCT_LOCKED', `cannot lock ${path}: another tsct command is at work on it`, {
          hint: 'wait for it to end, then try again',
        });
      }
      await sleep(waitMs);
    }
  }

  /** @returns undefined when somebody else holds it. */
  static async tryAcquire(path: string, tryLock: TryLock): Promise<FileLock | undefined> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    for (;;) {
      const file = await open(path, 'a', 0o600);
      let keep = false;
      try {
        if (!tryLock(file.fd)) return undefined;
        // Its last holder may have unlinked the file between open and flock: then it locks nothing.
        keep = await isSameFile(file, path);
        if (keep) return new FileLock(path, file);
      } finally {
        if (!keep) await file.close();
      }
    }
  }

  async release(): Promise<void> {
    await this.file.close();
  }

  /** Releases the lock and removes its file: after destroy and rename nobody needs it. */
  async releaseAndRemove(): Promise<void> {
    await unlink(this.path).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw error;
    });
    await this.file.close();
  }
}

async function isSameFile(file: FileHandle, path: string): Promise<boolean> {
  const held = await file.stat();
  const named = await stat(path).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  return named?.ino === held.ino && named.dev === held.dev;
}
