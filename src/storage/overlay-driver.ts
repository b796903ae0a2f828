import { chmodSync, chownSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { HostPath } from '../base/paths.js';
import type { Root } from '../state/root.js';
import type { Driver, DriverContext, Sealed } from './driver.js';

/**
 * Layers that a root may have. Each costs every look for a name that is not there, and kernels before 6.8 take the
 * names of some 65 (native/setup/rootfs.cc).
 */
const LAYERS_MAX = 60;

/**
 * An overlay of sealed layers and an upper tree (kernel Documentation/filesystems/overlayfs.rst): every operation
 * on a stopped container costs the same, however large it is. Works on any file system that can hold an upper.
 */
export const overlayDriver: Driver = {
  async grow(ctx, layers) {
    await ctx.store.present(layers);
    return { driver: 'overlay', layers, upper: await makeUpper(ctx, layers.at(-1)) };
  },

  seal,
  // Its upper would be a lower layer of the other root and written to: not allowed (overlayfs.rst).
  lend: seal,

  async extend(ctx, layers, lay) {
    await ctx.store.present(layers);
    const id = await ctx.store.addEmpty(ctx.pin);
    await lay(ctx.store.tree(id), 'into');
    await ctx.trees.sync(ctx.store.tree(id));
    return keepLow(ctx, [...layers, id]);
  },

  asLayers: (root) => [...root.layers, root.upper],

  async capture(ctx, root, freeze) {
    const upper = ctx.store.tree(root.upper);
    const copy = await ctx.store.addEmpty(ctx.pin);
    const done = await ctx.trees.copyLive(upper, ctx.store.tree(copy), freeze);
    return { layers: [...root.layers, copy], ...done };
  },
};

async function seal(ctx: DriverContext, root: Root): Promise<Sealed> {
  // Nothing was written: no need to stack an empty tree on the others.
  if (isEmpty(ctx.store.tree(root.upper))) return { layers: root.layers, root };
  const layers = await keepLow(ctx, [...root.layers, root.upper]);
  return { layers, root: { ...root, layers, upper: await makeUpper(ctx, layers.at(-1)) } };
}

/** A stack that has become too high is copied into one layer, once in sixty snapshots that differ. */
async function keepLow(
  { store, trees, pin }: DriverContext,
  layers: readonly string[],
): Promise<readonly string[]> {
  if (layers.length <= LAYERS_MAX) return layers;
  const id = await store.addEmpty(pin);
  await trees.copy(await store.present(layers), store.tree(id), { durable: true });
  return [id];
}

/** The root directory of an overlay is that of its upper tree: a new one looks like the one below. */
async function makeUpper({ store, pin }: DriverContext, below: string | undefined): Promise<string> {
  const id = await store.addEmpty(pin);
  mkdirSync(join(dirname(store.tree(id)), 'work'), { mode: 0o700 });
  if (below !== undefined) takeLooks(store.tree(below), store.tree(id));
  return id;
}

function takeLooks(from: HostPath, to: HostPath): void {
  const { mode, uid, gid } = statSync(from);
  chownSync(to, uid, gid);
  chmodSync(to, mode & 0o7777);
}

function isEmpty(tree: HostPath): boolean {
  return readdirSync(tree).length === 0;
}
