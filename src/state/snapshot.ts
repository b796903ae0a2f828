import { existsSync } from 'node:fs';
import { readdir, readFile, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type AtomicWrites, syncPath, withWrites } from '../base/atomic-file.js';
import { makeDirectories } from '../base/directories.js';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { isUuid, RecordReader } from './record.js';
import { type ConfigFile, DRIVER_NAMES, type DriverName, isConfigFiles, isLayerIds } from './root.js';

const SNAPSHOT_FORMAT = 1;
const NAME_LENGTH_MAX = 100;

/** NAME/snapshots/SNAP: a state of a container. Never changed once it is written, but for a uuid that it gets. */
export interface Snapshot {
  readonly format: typeof SNAPSHOT_FORMAT;
  /** Driver of the root that it was taken of. */
  readonly driver: DriverName;
  /** Sealed trees, lowest first: all of them are the root. */
  readonly layers: readonly string[];
  readonly config: readonly ConfigFile[];
  readonly createdMs: number;
  /** Who took it: `manual`, `restore`, `receive`, or `schedule NAME`: a schedule expires only its own. */
  readonly by: string;
  /** The container ran meanwhile. */
  readonly running: boolean;
  /** How long it stood still for it. */
  readonly frozenMs: number;
  readonly copiedBytes: number;
  /**
   * The same wherever this state was received: who knows another one's uuid knows all that is in it. Absent in
   * snapshots of an older tsct.
   */
  readonly uuid?: string;
}

export function isSnapshotName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && /^[a-zA-Z0-9]([\w.:+-]*[a-zA-Z0-9])?$/.test(name);
}

/** @throws TSCT_BAD_NAME (exit 2): it becomes the name of a file. */
export function checkSnapshotName(name: string): void {
  if (isSnapshotName(name)) return;
  throw new TsctError('TSCT_BAD_NAME', `${JSON.stringify(name)} is not a name for a snapshot`, {
    exitCode: ExitCode.Usage,
    hint: `1 to ${NAME_LENGTH_MAX} letters, digits and . _ : + -, beginning and ending with a letter or digit`,
  });
}

/** @throws TSCT_DAMAGED_RECORD, TSCT_NEWER_FORMAT (exit 5). */
export function parseSnapshot(path: HostPath, text: string): Snapshot {
  const record = RecordReader.parse(path, text, SNAPSHOT_FORMAT);
  const uuid = record.optional('uuid', isUuid, 'a uuid');
  return {
    format: SNAPSHOT_FORMAT,
    driver: record.oneOf('driver', DRIVER_NAMES),
    layers: record.need('layers', isLayerIds, 'a list of layer ids'),
    config: record.need('config', isConfigFiles, 'the files of a config'),
    createdMs: record.integer('createdMs'),
    by: record.string('by'),
    running: record.need('running', (v): v is boolean => typeof v === 'boolean', 'true or false'),
    frozenMs: record.need('frozenMs', (v): v is number => typeof v === 'number' && v >= 0, 'a time in ms'),
    copiedBytes: record.integer('copiedBytes'),
    ...(uuid === undefined ? {} : { uuid }),
  };
}

/** The snapshots of one container. Whoever changes something holds its lock. */
export class Snapshots {
  constructor(
    private readonly dir: HostPath,
    private readonly container: string,
  ) {}

  /** Names, oldest first by their own word; those that cannot be read are an error. */
  async all(): Promise<{ readonly name: string; readonly snapshot: Snapshot }[]> {
    const found = await Promise.all(
      (await this.names()).map(async (name) => ({ name, snapshot: await this.need(name) })),
    );
    return found.sort((a, b) => a.snapshot.createdMs - b.snapshot.createdMs || (a.name < b.name ? -1 : 1));
  }

  async names(): Promise<string[]> {
    try {
      return (await readdir(this.dir)).filter((name) => !name.startsWith('.'));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
  }

  /** @throws TSCT_NO_SNAPSHOT (exit 3), TSCT_BAD_NAME (exit 2), TSCT_DAMAGED_RECORD. */
  async need(name: string): Promise<Snapshot> {
    checkSnapshotName(name);
    try {
      return parseSnapshot(this.file(name), await readFile(this.file(name), 'utf8'));
    } catch (cause) {
      if (!isErrno(cause, 'ENOENT')) throw cause;
      throw new TsctError('TSCT_NO_SNAPSHOT', `there is no snapshot ${this.container}@${name}`, {
        exitCode: ExitCode.NotFound,
        hint: `see: tsct snapshot list ${this.container}`,
        cause,
      });
    }
  }

  /** @throws TSCT_EXISTS (exit 4), TSCT_BAD_NAME (exit 2). */
  needFree(name: string): void {
    checkSnapshotName(name);
    if (!existsSync(this.file(name))) return;
    throw new TsctError('TSCT_EXISTS', `there is a snapshot ${this.container}@${name} already`, {
      exitCode: ExitCode.WrongState,
      hint: `choose another name, or delete it first: tsct snapshot delete ${this.container}@${name}`,
    });
  }

  /** Puts the record among those that are to be placed. */
  stage(writes: AtomicWrites, name: string, snapshot: Omit<Snapshot, 'format'>): void {
    this.put((path, text) => writes.stage(path, text), name, snapshot);
  }

  /** Writes the record: whole, or not at all. */
  async write(name: string, snapshot: Omit<Snapshot, 'format'>): Promise<void> {
    await withWrites(async (writes) => {
      this.stage(writes, name, snapshot);
      await writes.placeNext();
      await writes.syncNames();
    });
  }

  /** Gives the record to `write`. */
  put(write: (path: HostPath, text: string) => void, name: string, snapshot: Omit<Snapshot, 'format'>): void {
    checkSnapshotName(name);
    makeDirectories(this.dir, 0o700);
    write(this.file(name), `${JSON.stringify({ format: SNAPSHOT_FORMAT, ...snapshot }, null, 2)}\n`);
  }

  async remove(name: string): Promise<void> {
    await this.syncContainer();
    await unlink(this.file(name));
    await syncPath(this.dir);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.syncContainer();
    await rename(this.file(from), this.file(to));
    await syncPath(this.dir);
  }

  /** A `current` that brings back what a restore keeps (lifecycle/settle.ts) must not outlive what is done to that. */
  private syncContainer(): Promise<void> {
    return syncPath(dirname(this.dir));
  }

  file(name: string): HostPath {
    return join(this.dir, name);
  }
}
