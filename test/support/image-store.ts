import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StateLayout } from '../../src/base/paths.js';
import type { ImageContext } from '../../src/image/image.js';
import { type Imported, importRootfs } from '../../src/image/import.js';
import { makeTree, removeTrees } from '../../src/lifecycle/tree-tools.js';
import { FileLock } from '../../src/state/lock.js';
import { LayerStore } from '../../src/storage/layer-store.js';
import type { StorageTools } from '../../src/storage/tools.js';
import { programPath } from '../../src/supervisor/programs.js';

export interface TestStore extends ImageContext {
  /** What was said as progress. */
  readonly said: string[];
  readonly abort: AbortController;
  /** Nothing names the layer afterwards. */
  importRootfs(source: string): Promise<Imported>;
  dispose(): Promise<void>;
}

/** A store in a state root of its own, with the real locks and the real native program. */
export async function testStore(root?: string): Promise<TestStore> {
  const path = root ?? (await mkdtemp(join(process.env['TSCT_TEST_DIR'] ?? '/var/tmp', 'tsct-image-')));
  const layout = new StateLayout(path);
  const abort = new AbortController();
  const said: string[] = [];
  const acquire = (file: string, timeoutMs: number) =>
    FileLock.acquire(file, { timeoutMs, signal: abort.signal });
  const tools: StorageTools = {
    archiveProgram: programPath('tsct-archive'),
    makeTree,
    removeTrees,
    lock: async (file) => {
      const lock = await acquire(file, 600_000);
      if (!lock) throw new Error(`nobody let go of ${file}`);
      return lock;
    },
    tryLock: (file) => acquire(file, 0),
    signal: abort.signal,
    progress: ({ what }) => said.push(what),
  };
  const store = new LayerStore(layout, tools);
  const ctx = { layout, tools, store };
  return {
    ...ctx,
    said,
    abort,
    importRootfs: (source) => store.withPin('', [], (pin) => importRootfs(ctx, pin, source)),
    dispose: () => rm(path, { recursive: true, force: true }),
  };
}
