import { closeSync } from 'node:fs';
import { parseAddress } from '../base/address.js';
import type { HostPath } from '../base/paths.js';
import { exportTree } from '../image/export-archive.js';
import { addon } from '../supervisor/addon.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { manifestText } from './manifest.js';
import { withOutputFile } from './output-file.js';
import { VIEW_DIR, viewWords, withHeldState } from './view.js';

export interface Exported {
  readonly name: string;
  readonly snapshot?: string;
  readonly entries: number;
  /** Of the files in it. */
  readonly bytes: number;
}

/**
 * Writes a container, root and config, as one tar.zst.
 * @param address NAME or NAME@SNAP.
 * @param target a file, which is there whole or not at all, or an open descriptor.
 * @throws TSCT_NO_CONTAINER, TSCT_NO_SNAPSHOT (exit 3), TSCT_CHANGED, TSCT_BUSY (exit 4), TSCT_ARCHIVE_FAILED.
 */
export async function exportContainer(
  ctx: Context,
  address: string,
  target: HostPath | number,
): Promise<Exported> {
  ctx.store.need(parseAddress(address).name);
  if (typeof target === 'number') return exportTo(ctx, address, target);
  return withOutputFile(target, (fd) => exportTo(ctx, address, fd));
}

async function exportTo(ctx: Context, address: string, output: number): Promise<Exported> {
  const doing = `export ${address}`;
  return withHeldState(ctx, parseAddress(address), doing, {}, async (state) => {
    const manifest = addon().sealedMemfd('tsct-manifest', Buffer.from(manifestText(state)));
    try {
      const via = viewWords(state.trees);
      const options = { via, manifest, output };
      const { entries, bytes, stripped } = await exportTree(
        imageContext(ctx).tools,
        VIEW_DIR,
        doing,
        options,
      );
      for (const { name, count } of stripped) {
        if (name !== 'socket') ctx.warn(`left out ${name} of ${count} files`);
      }
      const { name, snapshot } = state;
      return { name, ...(snapshot === undefined ? {} : { snapshot }), entries, bytes };
    } finally {
      closeSync(manifest);
    }
  });
}
