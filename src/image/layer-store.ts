import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory, writeFileAtomic } from '../base/atomic-file.js';
import { isErrno, TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import type { HostPath, StateLayout } from '../base/paths.js';
import type { ArchiveSummary } from './archive.js';
import type { ImageTools } from './tools.js';

const LAYER_FORMAT = 1;
/** Enough of a SHA-256 (128 bit) that two trees never meet; short, since mount options hold many of them. */
const ID_LENGTH = 32;
const TEMP_PREFIX = '.tmp-';

/** .store/layers/ID/layer.json */
export interface Layer {
  readonly format: typeof LAYER_FORMAT;
  readonly id: string;
  /** Where it is from, for people: `recipe debian`, `/srv/rootfs.tar.xz`. */
  readonly origin: string;
  readonly entries: number;
  readonly sizeBytes: number;
  readonly devices: number;
  readonly stripped: ArchiveSummary['stripped'];
  readonly createdMs: number;
}

export type LayerNote = Omit<Layer, 'format' | 'id' | 'createdMs'>;

/**
 * Immutable trees shared by all containers of a state root: .store/layers/ID/{tree/,layer.json}. A layer is made
 * under a temporary name and sealed by a rename; it is in use while a file names it. Temporary names of dead
 * processes are swept by whoever holds the store's lock next.
 */
export class LayerStore {
  constructor(
    private readonly layout: StateLayout,
    private readonly tools: ImageTools,
  ) {}

  tree(id: string): HostPath {
    return this.layout.layerTree(id);
  }

  async has(id: string): Promise<boolean> {
    return exists(join(this.layout.layerDir(id), 'layer.json'));
  }

  /**
   * Makes a layer.
   * @param fill puts the files into an empty directory, 0755 root, and tells the tree's digest (`sha256:HEX`) and
   * what layer.json says about it. When it throws, nothing is left.
   * @returns the id; a tree that is in the store already is not kept twice.
   */
  async add(
    fill: (tree: HostPath, work: HostPath) => Promise<{ digest: string; note: LayerNote }>,
  ): Promise<string> {
    await this.prepare();
    // The lock says that this process lives; it is on a file beside the directory, so that a sweep can ask.
    const name = `${TEMP_PREFIX}${randomBytes(6).toString('hex')}`;
    const lock = await this.tools.lock(this.tempLock(name));
    const temp = join(this.layersDir, name);
    try {
      const tree = join(temp, 'tree');
      await mkdir(temp, { mode: 0o700 });
      await mkdir(join(temp, 'work'), { mode: 0o700 });
      await mkdir(tree);
      await chmod(tree, 0o755);
      const { digest, note } = await fill(tree, join(temp, 'work'));
      this.tools.signal.throwIfAborted();
      await rm(join(temp, 'work'), { recursive: true, force: true });
      await chown(tree, 0, 0);
      return await this.seal(temp, digest, note);
    } finally {
      await rm(temp, { recursive: true, force: true });
      await lock.release();
    }
  }

  /** Removes what processes that died while they made a layer left. Costs one readdir when there is nothing. */
  async sweepInterrupted(): Promise<void> {
    if (!(await names(this.layersDir)).some((name) => name.startsWith(TEMP_PREFIX))) return;
    const lock = await this.tools.lock(this.storeLock);
    try {
      await this.sweepTemporary();
    } finally {
      await lock.release();
    }
  }

  /** Removes layers that no file names, and what dead processes left. @returns the ids that went. */
  async sweepUnused(): Promise<string[]> {
    const lock = await this.tools.lock(this.storeLock);
    const gone: string[] = [];
    try {
      await this.sweepTemporary();
      // A container being made has no `current` yet that could name its layers.
      if (await this.somebodyCreates()) return [];
      const used = await this.used();
      for (const id of await names(this.layersDir)) {
        if (id.startsWith('.') || used.has(id)) continue;
        await rename(this.layout.layerDir(id), join(this.layersDir, `${TEMP_PREFIX}${id}`));
        gone.push(id);
      }
    } finally {
      await lock.release();
    }
    for (const id of gone) {
      await rm(join(this.layersDir, `${TEMP_PREFIX}${id}`), { recursive: true, force: true });
    }
    return gone;
  }

  /**
   * Makes sure that layers are there, and stay while a container with the mark of an unfinished one exists.
   * Call it after setting the mark. @throws TSCT_NO_LAYER.
   */
  async need(ids: readonly string[]): Promise<void> {
    const lock = await this.tools.lock(this.storeLock);
    try {
      for (const id of ids) {
        if (!(await this.has(id))) {
          throw new TsctError('TSCT_NO_LAYER', `cannot use layer ${id}: it is not in ${this.layersDir}`);
        }
      }
    } finally {
      await lock.release();
    }
  }

  /** @throws system errors; a layer.json that is not there is ENOENT. */
  async read(id: string): Promise<Layer> {
    return JSON.parse(await readFile(join(this.layout.layerDir(id), 'layer.json'), 'utf8'));
  }

  private get layersDir(): HostPath {
    return join(this.layout.store, 'layers');
  }

  /** Names of containers have no `_`: no lock of one can be taken for this. */
  private get storeLock(): HostPath {
    return this.layout.lockFile('_layers');
  }

  private tempLock(name: string): HostPath {
    return this.layout.lockFile(`_layer${name}`);
  }

  private async prepare(): Promise<void> {
    await mkdir(this.layersDir, { recursive: true, mode: 0o700 });
    await this.sweepInterrupted();
  }

  private async seal(temp: HostPath, digest: string, note: LayerNote): Promise<string> {
    const id = digest.replace(/^sha256:/, '').slice(0, ID_LENGTH);
    const layer: Layer = { format: LAYER_FORMAT, id, ...note, createdMs: Date.now() };
    await writeFileAtomic(join(temp, 'layer.json'), `${JSON.stringify(layer, null, 2)}\n`);
    const lock = await this.tools.lock(this.storeLock);
    try {
      if (await this.has(id)) return id;
      // One syncfs(2) instead of an fsync for every file: a sealed layer is never verified again.
      await run('sync', ['--file-system', temp], { doing: 'write the layer to disk' });
      await rename(temp, this.layout.layerDir(id));
      await syncDirectory(this.layersDir);
      return id;
    } finally {
      await lock.release();
    }
  }

  /** The caller holds the store's lock. */
  private async sweepTemporary(): Promise<void> {
    for (const name of await names(this.layersDir)) {
      if (!name.startsWith(TEMP_PREFIX)) continue;
      const lock = await this.tools.tryLock(this.tempLock(name));
      if (!lock) continue;
      await rm(join(this.layersDir, name), { recursive: true, force: true });
      await lock.release();
    }
  }

  private async somebodyCreates(): Promise<boolean> {
    for (const name of await names(this.layout.root)) {
      if (!name.startsWith('.') && (await exists(this.layout.partialMark(name)))) return true;
    }
    return false;
  }

  /** Every id that a container's `current`, a snapshot or an image names. */
  private async used(): Promise<Set<string>> {
    const files: HostPath[] = [];
    for (const name of await names(this.layout.root)) {
      if (name.startsWith('.')) continue;
      files.push(this.layout.currentFile(name));
      const snapshots = join(this.layout.containerDir(name), 'snapshots');
      files.push(...(await names(snapshots)).map((snapshot) => join(snapshots, snapshot)));
    }
    const images = join(this.layout.store, 'images');
    files.push(...(await names(images)).filter((n) => n.endsWith('.json')).map((n) => join(images, n)));
    return new Set((await Promise.all(files.map(layersNamedBy))).flat());
  }
}

/** A file that cannot be read as one of ours stops the sweep: what it names must not be lost. */
async function layersNamedBy(file: HostPath): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
  try {
    const { layers } = JSON.parse(text) as { layers: string[] };
    return layers.map(String);
  } catch (cause) {
    throw new TsctError('TSCT_DAMAGED_RECORD', `cannot sweep the layer store: ${file} is damaged`, { cause });
  }
}

async function names(directory: HostPath): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

async function exists(path: HostPath): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
