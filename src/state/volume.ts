import { existsSync } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath, writeFileAtomic } from '../base/atomic-file.js';
import { makeDirectories } from '../base/directories.js';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { HostPath, StateLayout } from '../base/paths.js';
import { randomHex } from '../base/random.js';
import { isValidName } from './names.js';
import { RecordReader } from './record.js';
import { checkSnapshotName } from './snapshot.js';

const VOLUME_FORMAT = 1;
/** By native: a tree may be a subvolume, or large. */
type RemoveTrees = (paths: readonly HostPath[]) => Promise<void>;

const TEMP_PREFIX = '.tmp-';

/** volume.json of a volume, and of a snapshot of one. */
export interface VolumeRecord {
  readonly createdMs: number;
  /** NAME or NAME@SNAP that it was copied from; empty: it began empty. */
  readonly from: string;
}

/**
 * Directories that live apart from containers: .store/volumes/NAME/{tree/,volume.json,snapshots/SNAP/...}, each made
 * under a temporary name first. Owners on disk are 0-based. Whoever changes one holds its lock.
 */
export class Volumes {
  constructor(private readonly layout: StateLayout) {}

  /** Names, sorted. */
  async names(): Promise<string[]> {
    return (await entries(this.layout.volumesDir)).filter(isValidName).sort();
  }

  async snapshots(name: string): Promise<string[]> {
    return (await entries(join(this.dir(name), 'snapshots'))).sort();
  }

  tree(name: string, snapshot?: string): HostPath {
    return join(this.dir(name, snapshot), 'tree');
  }

  /** @throws TSCT_NO_VOLUME (exit 3), TSCT_BAD_NAME (exit 2), TSCT_DAMAGED_RECORD. */
  async need(name: string, snapshot?: string): Promise<VolumeRecord> {
    checkVolumeName(name);
    if (snapshot !== undefined) checkSnapshotName(snapshot);
    const file = join(this.dir(name, snapshot), 'volume.json');
    try {
      const record = await RecordReader.open(file, VOLUME_FORMAT);
      return { createdMs: record.integer('createdMs'), from: record.string('from') };
    } catch (cause) {
      if (!isErrno(cause, 'ENOENT')) throw cause;
      throw noVolume(snapshot === undefined ? name : `${name}@${snapshot}`, cause);
    }
  }

  /** @throws TSCT_EXISTS (exit 4), TSCT_BAD_NAME (exit 2). */
  needFree(name: string, snapshot?: string): void {
    checkVolumeName(name);
    if (snapshot !== undefined) checkSnapshotName(snapshot);
    if (!existsSync(this.dir(name, snapshot))) return;
    const what = snapshot === undefined ? `a volume ${name}` : `a snapshot ${name}@${snapshot}`;
    throw new TsctError('TSCT_EXISTS', `there is ${what} already`, {
      exitCode: ExitCode.WrongState,
      hint: 'choose another name; see: tsct volume list',
    });
  }

  /** Makes a volume, or a snapshot of one: whole, or not at all. @param tools.fill makes the tree, which is not there. */
  async make(
    { name, snapshot }: { readonly name: string; readonly snapshot?: string },
    record: VolumeRecord,
    tools: { readonly fill: (tree: HostPath) => Promise<void>; readonly removeTrees: RemoveTrees },
  ): Promise<void> {
    const temp = this.tempDir(name);
    try {
      makeDirectories(temp, 0o700);
      await tools.fill(join(temp, 'tree'));
      const text = JSON.stringify({ format: VOLUME_FORMAT, ...record }, null, 2);
      await writeFileAtomic(join(temp, 'volume.json'), `${text}\n`);
      fault('volume.filled');
      const parent = snapshot === undefined ? this.layout.volumesDir : join(this.dir(name), 'snapshots');
      makeDirectories(parent, 0o700);
      await rename(temp, this.dir(name, snapshot));
      await syncPath(parent);
    } catch (error) {
      await tools.removeTrees([temp]);
      throw error;
    }
  }

  /** First by one rename out of the listing, then file by file. */
  async remove(removeTrees: RemoveTrees, name: string, snapshot?: string): Promise<void> {
    const temp = this.tempDir(name);
    await rename(this.dir(name, snapshot), temp);
    await syncPath(this.layout.volumesDir);
    fault('volume.doomed');
    await removeTrees([temp]);
  }

  /** What processes at work have there, and dead ones left; with the volume whose lock tells which. */
  async temporaries(): Promise<{ readonly name: string; readonly path: HostPath }[]> {
    const all = (await entries(this.layout.volumesDir)).filter((entry) => entry.startsWith(TEMP_PREFIX));
    return all.map((entry) => ({
      name: entry.slice(TEMP_PREFIX.length, entry.lastIndexOf('_')),
      path: join(this.layout.volumesDir, entry),
    }));
  }

  private dir(name: string, snapshot?: string): HostPath {
    const dir = join(this.layout.volumesDir, name);
    return snapshot === undefined ? dir : join(dir, 'snapshots', snapshot);
  }

  private tempDir(name: string): HostPath {
    return join(this.layout.volumesDir, `${TEMP_PREFIX}${name}_${randomHex(4)}`);
  }
}

/** @throws TSCT_BAD_NAME (exit 2). */
function checkVolumeName(name: string): void {
  if (isValidName(name)) return;
  throw new TsctError('TSCT_BAD_NAME', `${JSON.stringify(name)} is not a name for a volume`, {
    exitCode: ExitCode.Usage,
    hint: '1 to 64 letters, digits, dots and dashes, beginning and ending with a letter or digit',
  });
}

function noVolume(what: string, cause: unknown): TsctError {
  return new TsctError('TSCT_NO_VOLUME', `there is no volume ${what}`, {
    exitCode: ExitCode.NotFound,
    hint: what.includes('@') ? 'see: tsct volume list' : `make it: tsct volume create ${what}`,
    cause,
  });
}

async function entries(directory: HostPath): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
