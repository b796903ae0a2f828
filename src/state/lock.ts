import { type FileHandle, mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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
    private readonly file: FileHandle,
  ) {}

  /**
   * Waits for the lock; polls, because a blocking flock(2) would stop Node's event loop and with it Ctrl-C.
   * @returns undefined when somebody else holds it for the whole time.
   * @throws AbortError, system errors of the lock directory.
   */
  static async acquire(path: string, options: LockOptions): Promise<FileLock | undefined> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const deadline = Date.now() + options.timeoutMs;
    for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 50)) {
      const lock = await FileLock.tryAcquire(path);
      if (lock) return lock;
      options.signal?.throwIfAborted();
      if (Date.now() >= deadline) return undefined;
      await sleep(waitMs);
    }
  }

  private static async tryAcquire(path: string): Promise<FileLock | undefined> {
    for (;;) {
      const file = await open(path, 'a', 0o600);
      let keep = false;
      try {
        if (!addon().flockFile(file.fd, { exclusive: true, wait: false })) return undefined;
        // Its last holder may have unlinked the file between our open and flock: then it locks nothing.
        keep = await isSameFile(file, path);
        if (keep) return new FileLock(path, file);
      } finally {
        if (!keep) await file.close();
      }
    }
  }

  /** For a child that goes on with the work: it holds the lock, too, for as long as it keeps the descriptor. */
  get fd(): number {
    return this.file.fd;
  }

  /** Takes the file away while the lock is still held, so nobody loses a lock that he has. */
  async release(): Promise<void> {
    await unlink(this.path).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT', 'EROFS')) throw error;
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
