import { closeSync, fstatSync, openSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeDirectories } from '../base/directories.js';
import { isErrno } from '../base/errors.js';
import { addon } from '../supervisor/addon.js';

export interface LockOptions {
  /** How long to wait for somebody else, in ms; 0: not at all. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * An flock(2) on a file of its own, released by the kernel when its holder dies, kill -9 included.
 * Node opens files with O_CLOEXEC, so no child keeps it. The file is there only while somebody holds the lock.
 */
export class FileLock {
  private constructor(
    private readonly path: string,
    /** For a child that goes on with the work: it holds the lock, too, for as long as it keeps the descriptor. */
    readonly fd: number,
  ) {}

  /**
   * Waits for the lock; polls, because a blocking flock(2) would stop Node's event loop and with it Ctrl-C.
   * @returns undefined when somebody else holds it for the whole time.
   * @throws AbortError, system errors of the lock directory.
   */
  static async acquire(path: string, options: LockOptions): Promise<FileLock | undefined> {
    makeDirectories(dirname(path), 0o700);
    const deadline = Date.now() + options.timeoutMs;
    for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 50)) {
      const lock = FileLock.tryAcquire(path);
      if (lock) return lock;
      options.signal?.throwIfAborted();
      if (Date.now() >= deadline) return undefined;
      await sleep(waitMs);
    }
  }

  private static tryAcquire(path: string): FileLock | undefined {
    for (;;) {
      const fd = openSync(path, 'a', 0o600);
      let keep = false;
      try {
        if (!addon().flockFile(fd, { exclusive: true, wait: false })) return undefined;
        // Its last holder may have unlinked the file between our open and flock: then it locks nothing.
        keep = isSameFile(fd, path);
        if (keep) return new FileLock(path, fd);
      } finally {
        if (!keep) closeSync(fd);
      }
    }
  }

  /** Takes the file away while the lock is still held, so nobody loses a lock that he has. */
  async release(): Promise<void> {
    try {
      unlinkSync(this.path);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EROFS')) throw error;
    }
    closeSync(this.fd);
  }
}

function isSameFile(fd: number, path: string): boolean {
  const held = fstatSync(fd);
  const named = statSync(path, { throwIfNoEntry: false });
  return named?.ino === held.ino && named.dev === held.dev;
}
