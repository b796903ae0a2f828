import type { HostPath } from '../base/paths.js';

/** What drivers do with whole trees: carried out by native programs, so that a driver is a few decisions. */
export interface TreeTools {
  /**
   * Copies trees that nobody writes to, merged as an overlay would show them (lowest first), into an empty
   * directory.
   * @param options.share by reflink or not at all; absent: where the file system can.
   * @param options.durable comes back when it is on disk: a sealed tree is never looked at again.
   */
  copy(
    from: readonly HostPath[],
    into: HostPath,
    options?: { readonly share?: boolean; readonly durable?: boolean },
  ): Promise<void>;
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

/**
 * Keeps a container still while `work` runs; @returns how long that was, in ms.
 * @param options.hold false when `work` itself takes one moment of all that is written: its hooks run all the same.
 */
export type Freezer = (work: () => Promise<void>, options?: { readonly hold?: boolean }) => Promise<number>;

export interface LiveCopy {
  readonly copiedBytes: number;
  readonly frozenMs: number;
}
