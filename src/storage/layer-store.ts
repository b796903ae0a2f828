import { chown, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath, writeFileAtomic } from '../base/atomic-file.js';
import { makeDirectories } from '../base/directories.js';
import { TsctError, TsctErrors } from '../base/errors.js';
import { run } from '../base/exec.js';
import { fault } from '../base/fault.js';
import type { HostPath, StateLayout } from '../base/paths.js';
import { randomHex } from '../base/random.js';
import { LAYER_FORMAT, type Layer, type LayerNote } from './layer.js';
import { Pin, readPins, removePin } from './pin.js';
import { layersInUse, namesIn } from './references.js';
import type { StorageTools } from './tools.js';
import { exists, makeDirectory } from './tree-directory.js';
import { removeLayers, show } from './volume.js';
import { isAbsent } from './volume-note.js';

/** Enough of a SHA-256 (128 bit) that two trees never meet; short, since mount options hold many of them. */
const ID_LENGTH = 32;
const TEMP_PREFIX = '.tmp-';

/**
 * The trees of a state root: .store/layers/ID/tree. Those from outside are named by their content, are made under a
 * temporary name and get their own by a rename; those that containers write to are named at random, and are sealed
 * by being named as a layer instead of as an upper. A tree is in use while a file or a living pin names it.
 */
export class LayerStore {
  constructor(
    private readonly layout: StateLayout,
    private readonly tools: StorageTools,
  ) {}

  tree(id: string): HostPath {
    return this.layout.layerTree(id);
  }

  get stateRoot(): HostPath {
    return this.layout.root;
  }

  async has(id: string): Promise<boolean> {
    return exists(this.layout.layerTree(id));
  }

  /**
   * Makes a layer.
   * @param fill puts the files into an empty directory, 0755 root, and tells the tree's digest (`sha256:HEX`) and
   * what layer.json says about it. When it throws, nothing is left.
   * @param pin gets to name it: nothing else does yet.
   * @returns the id; a tree that is in the store already is not kept twice.
   */
  async add(
    pin: Pin,
    fill: (tree: HostPath, work: HostPath) => Promise<{ digest: string; note: LayerNote }>,
  ): Promise<string> {
    makeDirectories(this.layersDir, 0o700);
    if (await this.isInterrupted()) await this.sweepUnused();
    // The lock says that this process lives; it is on a file beside the directory, so that a sweep can ask.
    const name = `${TEMP_PREFIX}${randomHex(6)}`;
    const lock = await this.tools.lock(this.tempLock(name));
    const temp = join(this.layersDir, name);
    try {
      const tree = join(temp, 'tree');
      await mkdir(temp, { mode: 0o700 });
      await mkdir(join(temp, 'work'), { mode: 0o700 });
      await this.tools.makeTree(tree);
      const { digest, note } = await fill(tree, join(temp, 'work'));
      this.tools.signal.throwIfAborted();
      await rm(join(temp, 'work'), { recursive: true, force: true });
      await chown(tree, 0, 0);
      return await this.seal(pin, temp, digest, note);
    } finally {
      await rm(temp, { recursive: true, force: true });
      await lock.release();
    }
  }

  /**
   * Makes room for a new tree, `work` beside it, under a random name.
   * @param pin names it before it is there.
   * @param make makes the tree's directory itself, default a plain one of mode 0755.
   */
  async addEmpty(pin: Pin, make: (tree: HostPath) => Promise<void> = makeDirectory): Promise<string> {
    const id = randomHex(ID_LENGTH / 2);
    await pin.add(id);
    makeDirectories(this.layout.layerDir(id), 0o700);
    await make(this.tree(id));
    return id;
  }

  /**
   * Keeps layers in the store while `work` runs: they must be there, or come to be there by `add` and `addEmpty`.
   * When it fails, what it made and nobody names goes.
   * @param container whose change it is; empty for none.
   * @throws TSCT_NO_LAYER.
   */
  async withPin<T>(container: string, ids: readonly string[], work: (pin: Pin) => Promise<T>): Promise<T> {
    const pin = await Pin.create(this.layout, this.tools, container);
    let result: T;
    try {
      await this.keep(pin, ids);
      result = await work(pin);
    } catch (error) {
      await pin.release();
      await this.sweepUnused().catch((failure: Error) => {
        throw new TsctErrors([error as Error, failure]);
      });
      throw error;
    }
    await pin.release();
    return result;
  }

  /** Sweeps once `work` has given something up; when this process is killed between the two, the next command does. */
  sweepAfter<T>(work: () => Promise<T>): Promise<T> {
    return this.withPin('', [], async () => {
      const result = await work();
      fault('store.unswept');
      await this.sweepUnused();
      return result;
    });
  }

  /** Adds trees that are there to a pin. @throws TSCT_NO_LAYER. */
  async keep(pin: Pin, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const lock = await this.tools.lock(this.storeLock);
    try {
      await pin.add(...ids);
      for (const id of ids) {
        if (!(await this.has(id))) {
          throw new TsctError('TSCT_NO_LAYER', `cannot use layer ${id}: it is not in ${this.layersDir}`);
        }
      }
    } finally {
      await lock.release();
    }
  }

  /** Trees to be read, which somebody keeps in the store: those that are volumes are mounted when they are not. */
  async present(ids: readonly string[]): Promise<HostPath[]> {
    const absent = ids.map(this.layout.layerDir).filter(isAbsent);
    if (absent.length > 0) {
      const lock = await this.tools.lock(this.storeLock);
      try {
        for (const dir of absent) await show(dir);
      } finally {
        await lock.release();
      }
    }
    return ids.map(this.layout.layerTree);
  }

  /** True when somebody died at work in the store. Costs two readdirs. */
  async isInterrupted(): Promise<boolean> {
    if ((await namesIn(this.layersDir)).some((name) => name.startsWith(TEMP_PREFIX))) return true;
    return (await readPins(this.layout, this.tools)).some((pin) => !pin.alive);
  }

  /** Containers at whose change somebody died. */
  async interruptedContainers(): Promise<string[]> {
    const pins = await readPins(this.layout, this.tools);
    return pins.filter((pin) => !pin.alive && pin.container !== '').map((pin) => pin.container);
  }

  /** Removes trees that nobody names, and what dead processes left. @returns the ids that went. */
  async sweepUnused(): Promise<string[]> {
    const lock = await this.tools.lock(this.storeLock);
    const gone: string[] = [];
    try {
      await this.sweepTemporary();
      // In this order: a tree that is in the listing was pinned before it was made, and whoever has let go of it
      // meanwhile had written the file that names it.
      const there = await namesIn(this.layersDir);
      const pins = await readPins(this.layout, this.tools);
      const used = await layersInUse(this.layout);
      for (const pin of pins) {
        if (pin.alive) for (const id of pin.layers) used.add(id);
      }
      for (const id of there) {
        if (id.startsWith('.') || used.has(id)) continue;
        await rename(this.layout.layerDir(id), join(this.layersDir, `${TEMP_PREFIX}${id}`));
        fault('store.doomed');
        gone.push(id);
      }
      // Last: until here they tell that there is something to sweep.
      for (const pin of pins) if (!pin.alive) await removePin(pin.file);
    } finally {
      await lock.release();
    }
    await removeLayers(
      gone.map((id) => join(this.layersDir, `${TEMP_PREFIX}${id}`)),
      this.tools,
    );
    return gone;
  }

  /** True for a layer that no container wrote. */
  isFromOutside(id: string): Promise<boolean> {
    return exists(join(this.layout.layerDir(id), 'layer.json'));
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

  private async seal(pin: Pin, temp: HostPath, digest: string, note: LayerNote): Promise<string> {
    const id = digest.replace(/^sha256:/, '').slice(0, ID_LENGTH);
    const layer: Layer = { format: LAYER_FORMAT, id, ...note, createdMs: Date.now() };
    await writeFileAtomic(join(temp, 'layer.json'), `${JSON.stringify(layer, null, 2)}\n`);
    const lock = await this.tools.lock(this.storeLock);
    try {
      await pin.add(id);
      if (await this.has(id)) return id;
      // One syncfs(2) instead of an fsync for every file: a sealed layer is never verified again.
      await run('sync', ['--file-system', temp], { doing: 'write the layer to disk' });
      await rename(temp, this.layout.layerDir(id));
      await syncPath(this.layersDir);
      return id;
    } finally {
      await lock.release();
    }
  }

  /** The caller holds the store's lock. */
  private async sweepTemporary(): Promise<void> {
    for (const name of await namesIn(this.layersDir)) {
      if (!name.startsWith(TEMP_PREFIX)) continue;
      const lock = await this.tools.tryLock(this.tempLock(name));
      if (!lock) continue;
      await removeLayers([join(this.layersDir, name)], this.tools);
      await lock.release();
    }
  }
}
