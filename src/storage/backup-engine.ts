import type { HostPath } from '../base/paths.js';

/** One backup in a repository. */
export interface BackupRecord {
  readonly id: string;
  /** The container. */
  readonly name: string;
  /** What it was taken of: `NAME` or `NAME@SNAP`. */
  readonly of: string;
  readonly createdMs: number;
}

export interface BackupList {
  /** Oldest first. */
  readonly backups: readonly BackupRecord[];
  /** Files that should name a backup and are damaged: there is one more that nobody can tell anything of. */
  readonly unreadable: readonly string[];
}

export interface SaveJob {
  readonly name: string;
  readonly of: string;
  /** Words of the program in whose sight and working directory there are `rootfs` and `tsct`, and its descriptors. */
  readonly via: readonly string[];
  readonly fds: readonly number[];
}

export interface Saved {
  readonly id: string;
  readonly files: number;
  readonly bytes: number;
  /** Files that were read; the others are as in the backup before, by all that the file system says of them. */
  readonly filesRead: number;
  /** By which the repository grew, about. */
  readonly addedBytes: number;
}

/**
 * A program that keeps backups in a directory: deduplicated, compressed, encrypted, each of them whole by itself.
 * All but `isThere` throw TSCT_PROGRAM_MISSING (exit 5), TSCT_BACKUP_KEY for a key that does not open it,
 * TSCT_BACKUP_DAMAGED naming the damaged file, TSCT_BUSY (exit 4), TSCT_BACKUP_FAILED.
 */
export interface BackupEngine {
  /** True when the directory is a repository. */
  isThere(): boolean;
  create(): Promise<void>;
  /** Takes up what an interrupted save has brought in, and clears its rubbish. Nobody else is at work. */
  recover(): Promise<void>;
  save(job: SaveJob): Promise<Saved>;
  list(): Promise<BackupList>;
  /** A small text file in a backup. */
  text(id: string, path: string): Promise<string>;
  /** Makes `rootfs` and `tsct` in a directory; with `only`, of those no more than this path and what is below it. */
  restore(id: string, into: HostPath, only?: string): Promise<void>;
  /** Reads and checks all there is. @returns what is damaged, in words, each with the name of a file. */
  verify(): Promise<string[]>;
  /** Forgets backups, and frees what nobody needs any more. */
  remove(ids: readonly string[]): Promise<void>;
}
