import type { HostPath } from '../base/paths.js';

/** What drivers do with whole trees: carried out by native programs, so that a driver is a few decisions. */
export interface TreeTools {
  /**
   * Copies trees that nobody writes to, merged as an overlay would show them (lowest first), into an empty
   * directory.
   * @param blocks `share`: by reflink or not at all; absent: where the file system can.
   */
  copy(from: readonly HostPath[], into: HostPath, blocks?: 'share'): Promise<void>;
  /**
   * Copies a tree that a running guest writes to: most of it while it runs, then what changed meanwhile while
   * `frozen` keeps it still.
   */
  copyLive(from: HostPath, into: HostPath, freeze: Freezer): Promise<LiveCopy>;
  /** btrfs. */
  isSubvolume(path: HostPath): Promise<boolean>;
  makeSubvolume(path: HostPath): Promise<void>;
  snapshotSubvolume(from: HostPath, to: HostPath): Promise<void>;
  /** Writes out what is dirty on the file system of a path (syncfs(2)). */
  sync(path: HostPath): Promise<void>;
}

/** Keeps a container still while `work` runs; @returns how long that was, in ms. */
export type Freezer = (work: () => Promise<void>) => Promise<number>;

export interface LiveCopy {
  readonly copiedBytes: number;
  readonly frozenMs: number;
}
