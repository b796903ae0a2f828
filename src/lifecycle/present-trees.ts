import type { Root } from '../state/root.js';
import { isAbsent } from '../storage/volume-note.js';
import type { Context } from './context.js';

/** Mounts those trees of a root that are volumes and are not mounted. @throws TSCT_PROGRAM_FAILED. */
export async function presentTrees(ctx: Context, { layers, upper }: Root): Promise<void> {
  const ids = [...layers, upper];
  if (!ids.map(ctx.layout.layerDir).some(isAbsent)) return;
  // Loaded when needed: a start on any other driver must not pay for it.
  const { imageContext } = await import('./image-context.js');
  await imageContext(ctx).store.present(ids);
}
