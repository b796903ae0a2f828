import type { DriverName } from '../state/root.js';
import type { Driver, DriverContext } from './driver.js';

/**
 * Drivers whose root is one whole tree, and whose snapshots are copies of it: `btrfs` by subvolume snapshots,
 * `reflink` by copies that share their blocks, `dir` by plain ones.
 */
export const COPYING_DRIVERS: Readonly<Record<Exclude<DriverName, 'overlay'>, Driver>> = {
  btrfs: copyingDriver('btrfs'),
  reflink: copyingDriver('reflink'),
  dir: copyingDriver('dir'),
};

function copyingDriver(name: Exclude<DriverName, 'overlay'>): Driver {
  return {
    async grow(ctx, layers) {
      return { driver: name, layers: [], upper: await duplicate(ctx, name, layers) };
    },

    async seal(ctx, root) {
      return { layers: [await duplicate(ctx, name, [root.upper], true)], root };
    },

    lend: async (_, root) => ({ layers: [root.upper], root }),

    asLayers: (root) => [root.upper],

    async capture(ctx, root, freeze) {
      if (name === 'btrfs') {
        // One ioctl between two transactions. What is written through mappings meanwhile is in neither, and the
        // kernel writes out what is dirty first: so that is done before, and the guest stands still for the rest.
        let layers: readonly string[] = [];
        await ctx.trees.sync(ctx.store.tree(root.upper));
        const frozenMs = await freeze(async () => {
          layers = [await duplicate(ctx, name, [root.upper])];
        });
        return { layers, frozenMs, copiedBytes: 0 };
      }
      const id = await ctx.store.addEmpty(ctx.pin);
      const done = await ctx.trees.copyLive(ctx.store.tree(root.upper), ctx.store.tree(id), freeze);
      return { layers: [id], ...done };
    },
  };
}

/** A new tree with the content of a stack of others. */
async function duplicate(
  ctx: DriverContext,
  driver: DriverName,
  layers: readonly string[],
  durable = false,
): Promise<string> {
  const { store, trees, pin } = ctx;
  const [only, ...more] = layers.map((id) => store.tree(id));
  if (driver === 'btrfs' && only !== undefined && more.length === 0 && (await trees.isSubvolume(only))) {
    return store.addEmpty(pin, (tree) => trees.snapshotSubvolume(only, tree));
  }
  const id = await store.addEmpty(pin, driver === 'btrfs' ? trees.makeSubvolume : undefined);
  await trees.copy(
    layers.map((layer) => store.tree(layer)),
    store.tree(id),
    { share: driver === 'reflink', durable },
  );
  return id;
}
