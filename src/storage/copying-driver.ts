import type { DriverName } from '../state/root.js';
import type { Driver, DriverContext } from './driver.js';
import { duplicateToVolume } from './thin-driver.js';

/** How a new tree with the content of a stack of others is made. */
interface Copying {
  /** @param durable it is on disk afterwards. */
  duplicate(ctx: DriverContext, layers: readonly string[], durable: boolean): Promise<string>;
  /**
   * Of a tree that a guest writes to: `passes`, file by file, the last ones while it is held still; `held`, in one
   * call meanwhile; `atOnce`, by a program for whose one call the kernel itself holds the writes to the file system.
   */
  readonly live: 'passes' | 'held' | 'atOnce';
}

/**
 * Drivers whose root is one whole tree, and whose snapshots are copies of it: `btrfs` by subvolume snapshots,
 * `reflink` by copies that share their blocks, `lvm-thin` by snapshots of volumes, `dir` by plain copies.
 */
export const COPYING_DRIVERS: Readonly<Record<Exclude<DriverName, 'overlay'>, Driver>> = {
  btrfs: copyingDriver('btrfs', { duplicate: duplicateToSubvolume, live: 'held' }),
  reflink: copyingDriver('reflink', { duplicate: duplicateSharing(true), live: 'passes' }),
  'lvm-thin': copyingDriver('lvm-thin', { duplicate: duplicateToVolume, live: 'atOnce' }),
  dir: copyingDriver('dir', { duplicate: duplicateSharing(false), live: 'passes' }),
};

function copyingDriver(name: DriverName, { duplicate, live }: Copying): Driver {
  return {
    async grow(ctx, layers) {
      return { driver: name, layers: [], upper: await duplicate(ctx, layers, false) };
    },

    async seal(ctx, root) {
      return { layers: [await duplicate(ctx, [root.upper], true)], root };
    },

    lend: async (_, root) => ({ layers: [root.upper], root }),

    // Onto a copy, and not a copy of all of it with the delta: what did not change stays shared.
    async extend(ctx, layers, lay) {
      const id = await duplicate(ctx, layers, false);
      const [tree = ''] = await ctx.store.present([id]);
      await lay(tree, 'onto');
      await ctx.trees.sync(tree);
      return [id];
    },

    asLayers: (root) => [root.upper],

    async capture(ctx, root, freeze) {
      if (live === 'passes') {
        const id = await ctx.store.addEmpty(ctx.pin);
        const done = await ctx.trees.copyLive(ctx.store.tree(root.upper), ctx.store.tree(id), freeze);
        return { layers: [id], ...done };
      }
      // The kernel first writes out what is dirty: most of that is done before anybody has to wait. On btrfs what is
      // written through mappings meanwhile is in neither state, so the guest stands still.
      let layers: readonly string[] = [];
      const unwritten = await ctx.trees.sync(ctx.store.tree(root.upper)).catch((error: Error) => error);
      const work = async () => {
        layers = [await duplicate(ctx, [root.upper], false)];
      };
      const frozenMs = await freeze(work, { hold: live === 'held' });
      // Not before: on a full pool it is what takes the snapshot that says so.
      if (unwritten) throw unwritten;
      return { layers, frozenMs, copiedBytes: 0 };
    },
  };
}

function duplicateSharing(share: boolean): Copying['duplicate'] {
  return async (ctx, layers, durable) => {
    const id = await ctx.store.addEmpty(ctx.pin);
    await copyInto(ctx, id, layers, { share, durable });
    return id;
  };
}

async function duplicateToSubvolume(
  ctx: DriverContext,
  layers: readonly string[],
  durable: boolean,
): Promise<string> {
  const { store, trees, pin } = ctx;
  const [only, ...more] = layers.map((id) => store.tree(id));
  if (only !== undefined && more.length === 0 && (await trees.isSubvolume(only))) {
    return store.addEmpty(pin, (tree) => trees.snapshotSubvolume(only, tree));
  }
  const id = await store.addEmpty(pin, trees.makeSubvolume);
  await copyInto(ctx, id, layers, { share: false, durable });
  return id;
}

async function copyInto(
  { store, trees }: DriverContext,
  id: string,
  layers: readonly string[],
  options: { readonly share: boolean; readonly durable: boolean },
): Promise<void> {
  await trees.copy(await store.present(layers), store.tree(id), options);
}
