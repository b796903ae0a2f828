import {
  close,
  closeSync,
  fchmodSync,
  fsync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { randomHex } from './random.js';

// Small files are written by calls that do not go through Node's threads, which cost more than the write does. What
// waits for the disk, fsync(2), goes there, one after the other: of several at once btrfs lets each wait a tick of the
// clock for the others' (four files on a disk that spins: 16 ms, in turn 6), and ext4 is no faster (5 and 3 ms).
const fsyncOf = promisify(fsync);
const closeFile = promisify(close);
let lastFlush: Promise<void> = Promise.resolve();

function flush(fd: number): Promise<void> {
  const mine = lastFlush.then(() => fsyncOf(fd));
  lastFlush = mine.catch(() => {}); // whoever asked is told
  return mine;
}

/**
 * Writes a file so that a reader, or a crash at any point, sees the old or the new content, never a part:
 * temp file in the same directory, fsync, rename, fsync of the directory (rename(2), fsync(2)).
 * @param mode permission bits, 0600 unless told.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  await withWrites(async (writes) => {
    writes.stage(path, content, mode);
    await writes.placeNext();
    await writes.syncNames();
  });
}

/** Several such writes: @returns what `work` does; when it throws, what is staged and not in place goes. */
export async function withWrites<T>(work: (writes: AtomicWrites) => Promise<T>): Promise<T> {
  const writes = new AtomicWrites();
  try {
    return await work(writes);
  } finally {
    writes.discard();
  }
}

interface Staged {
  readonly temp: string;
  readonly path: string;
  readonly flushed: Promise<void>;
}

/** Files that are replaced one after the other, flushed while other things are done. */
export class AtomicWrites {
  private staged: Staged[] = [];
  private readonly changed = new Set<string>();

  /** Writes the content beside its place and begins to flush it, which goes on while other things are done. */
  stage(path: string, content: string | Uint8Array, mode = 0o600): void {
    const temp = join(dirname(path), `.${randomHex(6)}.tmp`);
    const fd = writeOpened(temp, content, mode);
    const flushed = flush(fd).finally(() => closeFile(fd));
    flushed.catch(() => {}); // whoever waits for it is told
    this.staged.push({ temp, path, flushed });
  }

  /** Puts the file in place that was staged first. Only when all are on disk: then none is waited for twice. */
  async placeNext(): Promise<void> {
    await Promise.all(this.staged.map(({ flushed }) => flushed));
    const next = this.staged[0];
    if (!next) return;
    renameSync(next.temp, next.path);
    this.staged.shift();
    this.changed.add(dirname(next.path));
  }

  /** Makes durable what is in place, directory by directory in the order in which they were first changed. */
  async syncNames(): Promise<void> {
    for (const directory of this.changed) await syncPath(directory);
    this.changed.clear();
  }

  /** Takes away what is not in place. */
  discard(): void {
    for (const { temp } of this.staged) {
      try {
        unlinkSync(temp);
      } catch {} // it is what failed
    }
    this.staged = [];
  }
}

/** Writes a new file under its own name, for a reader who does not yet look there. It is not yet on disk: syncPath. */
export function writeNewFile(path: string, content: string | Uint8Array, mode = 0o600): void {
  closeSync(writeOpened(path, content, mode));
}

/** @returns the new file, open. */
function writeOpened(path: string, content: string | Uint8Array, mode: number): number {
  const fd = openSync(path, 'wx', mode);
  try {
    writeFileSync(fd, content);
    fchmodSync(fd, mode);
    return fd;
  } catch (error) {
    closeSync(fd);
    unlinkSync(path);
    throw error;
  }
}

/** Makes durable what is in a file, or the names in a directory (fsync(2): a rename is on disk only then). */
export async function syncPath(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    await flush(fd);
  } finally {
    closeSync(fd);
  }
}
