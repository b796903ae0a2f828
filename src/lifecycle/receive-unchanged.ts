import { readCurrent } from '../state/current.js';
import type { Snapshot } from '../state/snapshot.js';
import { driverOf } from '../storage/drivers.js';
import { readConfig } from './config-files.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { areEqual } from './tree-tools.js';

/**
 * Whether a stopped container still is what a snapshot of it says, root and config: then nothing is lost when it
 * becomes another one.
 */
export async function isAsBefore(ctx: Context, name: string, snapshot: Snapshot): Promise<boolean> {
  if (JSON.stringify(readConfig(ctx, name)) !== JSON.stringify(snapshot.config)) return false;
  const current = await readCurrent(ctx.layout.currentFile(name));
  const { store } = imageContext(ctx);
  const now = await store.present(driverOf(current.driver).asLayers(current));
  return areEqual(ctx, await store.present(snapshot.layers), now);
}
