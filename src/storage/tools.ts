import type { HostPath } from '../base/paths.js';

/** A lock that is held; the kernel takes it back when the process dies. */
export interface HeldLock {
  /** For a program that goes on when this process is killed: it holds the lock as long as it keeps the descriptor. */
  readonly fd: number;
  release(): Promise<void>;
}

/** What the image part needs from its caller: it imports neither native code nor state. */
export interface StorageTools {
  /** Path of the native program tsct-archive. */
  readonly archiveProgram: HostPath;
  /** Makes the directory of a new tree, mode 0755; on btrfs a subvolume. */
  readonly makeTree: (path: HostPath) => Promise<void>;
  /** Removes trees with btrfs subvolumes in them, whether or not `signal` has fired. What is not there is no error. */
  readonly removeTrees: (paths: readonly HostPath[]) => Promise<void>;
  /**
   * Takes an exclusive lock on a file named after its purpose, waiting as long as somebody else has it.
   * @throws AbortError when `signal` fires meanwhile.
   */
  readonly lock: (path: HostPath) => Promise<HeldLock>;
  /** The same without waiting: undefined when somebody else has it. */
  readonly tryLock: (path: HostPath) => Promise<HeldLock | undefined>;
  readonly signal: AbortSignal;
  readonly progress: (progress: StorageProgress) => void;
}

export interface StorageProgress {
  /** What is being done, in a few words. */
  readonly what: string;
  /** 0 to 1, where it is known. */
  readonly done?: number;
}
