import type { ImageContext } from '../image/image.js';
import { FileLock } from '../state/lock.js';
import { LayerStore } from '../storage/layer-store.js';
import type { StorageTools } from '../storage/tools.js';
import { programPath } from '../supervisor/programs.js';
import type { Context } from './context.js';
import { makeTree, removeTrees } from './tree-tools.js';

/** A build of an image by somebody else may take as long as a mirror is slow. */
const BUILD_WAIT_MS = 24 * 3600 * 1000;

/** What the image part needs, from what this one has. */
export function imageContext(ctx: Context): ImageContext {
  const tools: StorageTools = {
    archiveProgram: programPath('tsct-archive'),
    makeTree,
    removeTrees,
    lock: async (path) => {
      const lock = await FileLock.acquire(path, { timeoutMs: BUILD_WAIT_MS, signal: ctx.signal });
      if (!lock) throw new DOMException('waited a day for a lock', 'TimeoutError');
      return lock;
    },
    tryLock: (path) => FileLock.acquire(path, { timeoutMs: 0, signal: ctx.signal }),
    signal: ctx.signal,
    progress: ctx.progress,
  };
  return { layout: ctx.layout, store: new LayerStore(ctx.layout, tools), tools };
}
