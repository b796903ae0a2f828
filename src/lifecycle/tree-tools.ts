import { statSync } from 'node:fs';
import { copyTree } from '../image/archive.js';
import type { TreeTools } from '../storage/tree-tools.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';

/** Inode of the root of every subvolume (btrfs: BTRFS_FIRST_FREE_OBJECTID). */
const SUBVOLUME_INODE = 256;

export function treeTools(ctx: Context): TreeTools {
  const { tools } = imageContext(ctx);
  return {
    async copy(from, into) {
      for (const tree of from) await copyTree(tools, tree, into, 'copy the root');
    },
    async copyLive() {
      throw new Error('not yet');
    },
    async isSubvolume(path) {
      return statSync(path).ino === SUBVOLUME_INODE;
    },
    async makeSubvolume() {
      throw new Error('not yet');
    },
    async snapshotSubvolume() {
      throw new Error('not yet');
    },
  };
}
