import { existsSync, mkdirSync, readdirSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { chmod, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncPath } from '../base/atomic-file.js';
import { makeDirectories } from '../base/directories.js';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import type { HostPath, StateLayout } from '../base/paths.js';
import { randomHex } from '../base/random.js';
import { keysWithGroup } from './groups.js';
import { checkName, isValidName } from './names.js';

/** Prefix of a directory that is not to be listed: destroy has not yet removed it, or create not yet named it. */
const DOOMED = '.doomed-';

/** The containers of one state root. Cheap on purpose: a listing is one readdir and one stat a name. */
export class Store {
  constructor(readonly layout: StateLayout) {}

  /** Names of all whole containers, sorted. A state root that does not exist yet is an empty one. */
  list(): string[] {
    let entries: ReturnType<typeof readEntries>;
    try {
      entries = readEntries(this.layout.root);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    }
    return entries
      .filter((e) => e.isDirectory() && isValidName(e.name) && !existsSync(this.layout.partialMark(e.name)))
      .map((e) => e.name)
      .sort();
  }

  /** True for a whole container. */
  has(name: string): boolean {
    return (
      isValidName(name) &&
      statSync(this.layout.containerDir(name), { throwIfNoEntry: false })?.isDirectory() === true &&
      !existsSync(this.layout.partialMark(name))
    );
  }

  /**
   * Checks that a container of this name is there.
   * @throws TSCT_BAD_NAME (exit 2), TSCT_NO_CONTAINER (exit 3) with the nearest name as hint.
   */
  need(name: string): void {
    checkName(name);
    if (this.has(name)) return;
    throw new TsctError('TSCT_NO_CONTAINER', `there is no container ${name}`, {
      exitCode: ExitCode.NotFound,
      hint: this.list().length === 0 ? `make one: tsct create ${name} --template busybox` : 'see: tsct list',
    });
  }

  /** @throws TSCT_EXISTS (exit 4) when the name is taken, TSCT_BAD_NAME. */
  needFree(name: string): void {
    checkName(name);
    if (!this.has(name)) return;
    throw new TsctError('TSCT_EXISTS', `there is a container ${name} already`, {
      exitCode: ExitCode.WrongState,
      hint: `choose another name, or destroy it first: tsct destroy ${name}`,
    });
  }

  /** Makes the state root and its lock directory, 0700: set-id files of guests lie there owned by 0. */
  async prepare(): Promise<void> {
    makeDirectories(dirname(this.layout.lockFile('x')), 0o700);
    await chmod(this.layout.root, 0o700);
  }

  /**
   * Makes NAME/ with the mark of an unfinished container in it. The caller holds the lock. It gets its name with
   * the mark in it: a directory without one would be listed as whole. Flush the directory before any file in it, else
   * that file alone may be there after a crash of the host.
   */
  createPartial(name: string): void {
    const dir = this.doomedDir(name);
    mkdirSync(dir, { mode: 0o700 });
    writeFileSync(join(dir, basename(this.layout.partialMark(name))), '', { mode: 0o600 });
    renameSync(dir, this.layout.containerDir(name));
  }

  /**
   * From here on the container is whole: the caller has flushed the files in it.
   * @param first makes durable what must not come to disk later than that.
   */
  async finishPartial(name: string, first: () => Promise<void> = async () => {}): Promise<void> {
    unlinkSync(this.layout.partialMark(name));
    await first();
    await syncPath(this.layout.containerDir(name));
    await syncPath(this.layout.root);
  }

  /** Names that an interrupted create left; their locks tell whether somebody is still at it. */
  partials(): string[] {
    if (!existsSync(this.layout.root)) return [];
    return readEntries(this.layout.root)
      .filter((e) => e.isDirectory() && isValidName(e.name) && existsSync(this.layout.partialMark(e.name)))
      .map((e) => e.name);
  }

  /** Directories whose removal was interrupted, and the container that each was. */
  doomed(): { readonly name: string; readonly path: HostPath }[] {
    if (!existsSync(this.layout.root)) return [];
    return readEntries(this.layout.root)
      .filter((e) => e.isDirectory() && e.name.startsWith(DOOMED))
      .map((e) => ({
        name: e.name.slice(DOOMED.length, e.name.lastIndexOf('_')),
        path: join(this.layout.root, e.name),
      }));
  }

  /**
   * Takes NAME/ out of the listing by one rename; what is left of it is to be removed by removeTree, and by the next
   * command when this one is killed. The caller holds the lock and nothing is mounted there.
   */
  async doom(name: string): Promise<HostPath> {
    const doomed = this.doomedDir(name);
    await rename(this.layout.containerDir(name), doomed);
    await syncPath(this.layout.root);
    return doomed;
  }

  /** Removes NAME/ whole. The caller holds the lock and nothing is mounted there. */
  async remove(name: string): Promise<void> {
    await removeTree(await this.doom(name));
  }

  private doomedDir(name: string): HostPath {
    return join(this.layout.root, `${DOOMED}${name}_${randomHex(4)}`);
  }

  /** Gives a stopped container another name. The caller holds both locks. */
  async rename(from: string, to: string): Promise<void> {
    await rename(this.layout.containerDir(from), this.layout.containerDir(to));
    await syncPath(this.layout.root);
  }

  /** Lock files that are there: of commands at work, and of killed ones. */
  lockFiles(): HostPath[] {
    const dir = dirname(this.layout.lockFile('x'));
    if (!existsSync(dir)) return [];
    return readEntries(dir).map((entry) => join(dir, entry.name));
  }

  /**
   * Containers of this root that have a run directory, or a cgroup if somebody took that away: what is running,
   * starting or crashed.
   */
  async runDirs(runRoot: string): Promise<string[]> {
    const suffix = this.layout.hash ? `_${this.layout.hash}` : '';
    const keys = await readdir(runRoot).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    return [...new Set([...keys, ...keysWithGroup()])]
      .filter((key) => key.endsWith(suffix) && isValidName(key.slice(0, key.length - suffix.length)))
      .map((key) => key.slice(0, key.length - suffix.length));
  }
}

/** What a process that was killed a moment ago had still under way may come in between: ENOTEMPTY, so try again. */
export async function removeTree(path: HostPath): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

function readEntries(dir: string) {
  return readdirSync(dir, { withFileTypes: true });
}
