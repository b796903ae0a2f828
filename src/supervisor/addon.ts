import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { FileEdit } from '../plan/launch-plan.js';

/**
 * System calls that Node does not have (native/addon/addon.cc). Every function is synchronous, waits for nothing but
 * the disk, and throws TSCT_SYSCALL, whose cause has `{step, call, errno, target, detail}`.
 */
export interface Addon {
  /**
   * A file in memory with this content, which nobody can change any more (memfd_create(2), F_ADD_SEALS).
   * @returns a close-on-exec fd at offset 0: close it, or pass it to a child.
   */
  sealedMemfd(name: string, bytes: Uint8Array): number;
  /**
   * flock(2) on an open file. The lock belongs to what is open: it is gone when the last fd of it is closed, a
   * killed process's by the kernel.
   * @returns false if somebody else has it.
   */
  flockFile(fd: number, options: { readonly exclusive: boolean; readonly wait: false }): boolean;
  /**
   * Turns this process into another program (execve(2)), so that no Node stays: fds 0-2 blocking and inherited,
   * every other one closed, no signal ignored or blocked. Flush what was written before. The soft limit of open
   * files stays as Node raised it.
   * @param path absolute, PATH is not searched. @param env lines `NAME=VALUE`.
   */
  execProgram(path: string, argv: readonly string[], env: readonly string[]): never;
  /**
   * Opens a path inside a root that may be hostile: every symlink and `..` stays below it (openat2(2)
   * RESOLVE_IN_ROOT). @param flags O_* of node:fs constants; O_CLOEXEC is added.
   */
  openat2InRoot(rootFd: number, path: string, flags: number): number;
  /** pidfd_open(2): a handle on a process that no other process can ever take over. Close it. */
  pidfdOpen(pid: number): number;
  /** pipe2(2), close-on-exec, for two programs to talk without us in between. Close both. */
  pipe(): readonly [read: number, write: number];
  /** pidfd_send_signal(2). @param signal number; 0 only asks whether the process is there (ESRCH). */
  pidfdSendSignal(pidfd: number, signal: number): void;
  /**
   * Writes small files into the root of a stopped container without mounting it. No link in it is followed.
   * @param trees topmost first: that one is written to. @param edits operations `write`, always or when it exists.
   * @returns false when it has to be mounted for that (editRoot): what was done by then does no harm.
   */
  editTrees(trees: readonly HostPath[], edits: readonly FileEdit[]): boolean;
  /** A writable snapshot of a btrfs subvolume (BTRFS_IOC_SNAP_CREATE_V2): on disk, with all before it, on return. */
  snapshotSubvolume(from: HostPath, to: HostPath): void;
  /** Begins to write a file to disk without waiting for it (sync_file_range(2)): the next commit takes it along. */
  startWriteback(path: HostPath): void;
  /** Texts of many small files of the kernel's, by several threads; null: read that one yourself to know why not. */
  readFiles(paths: readonly HostPath[]): readonly (string | null)[];
  /**
   * Sends a line to many sockets and waits for all that each says. @param waitMs for all of them together.
   * @returns empty for those where nobody is, or who are not done by then.
   */
  askAll(sockets: readonly HostPath[], line: string, waitMs: number): readonly string[];
}

/** A failure as the add-on throws it. */
export interface SyscallFailure {
  readonly step: string;
  readonly call: string;
  /** Number from errno(3); 0 when no call failed. */
  readonly errno: number;
  readonly target: string;
  readonly detail: string;
}

/** What tsct.node exports. */
interface NativeExports extends Omit<Addon, 'flockFile'> {
  flock(fd: number, exclusive: boolean): boolean;
}

const ADDON_FILE = fileURLToPath(new URL('../../native/build/tsct.node', import.meta.url));

let loaded: Addon | undefined;

/**
 * The add-on, loaded at the first call.
 * @throws TSCT_ADDON_MISSING when it has not been built.
 */
export function addon(): Addon {
  loaded ??= wrap(load());
  return loaded;
}

function load(): NativeExports {
  try {
    return createRequire(import.meta.url)(ADDON_FILE);
  } catch (error) {
    throw new TsctError('TSCT_ADDON_MISSING', `cannot load ${ADDON_FILE}: ${firstLine(error)}`, {
      exitCode: ExitCode.HostLacks,
      hint: 'npm run build:native',
      cause: error,
    });
  }
}

function wrap(native: NativeExports): Addon {
  return {
    sealedMemfd: (name, bytes) => wording(() => native.sealedMemfd(name, bytes)),
    flockFile: (fd, { exclusive }) => wording(() => native.flock(fd, exclusive)),
    execProgram: (path, argv, env) => wording(() => native.execProgram(path, argv, env)),
    openat2InRoot: (rootFd, path, flags) => wording(() => native.openat2InRoot(rootFd, path, flags)),
    pidfdOpen: (pid) => wording(() => native.pidfdOpen(pid)),
    editTrees: (trees, edits) => wording(() => native.editTrees(trees, edits)),
    snapshotSubvolume: (from, to) => wording(() => native.snapshotSubvolume(from, to)),
    startWriteback: (path) => wording(() => native.startWriteback(path)),
    pipe: () => wording(() => native.pipe()),
    readFiles: (paths) => wording(() => native.readFiles(paths)),
    askAll: (sockets, line, waitMs) => wording(() => native.askAll(sockets, line, waitMs)),
    pidfdSendSignal: (pidfd, signal) => wording(() => native.pidfdSendSignal(pidfd, signal)),
  };
}

function wording<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!isSyscallFailure(error)) throw error;
    const why = error.call ? `${error.call}: ${errnoName(error.errno)}` : error.detail;
    throw new TsctError('TSCT_SYSCALL', `cannot ${error.step}${error.target && ` ${error.target}`}: ${why}`, {
      cause: error,
    });
  }
}

/** True for a failed call of the add-on with one of these names (`ESRCH`): catch only what was expected. */
export function isSyscallErrno(error: unknown, ...names: readonly string[]): boolean {
  const failure = error instanceof TsctError ? error.cause : undefined;
  return isSyscallFailure(failure) && names.includes(errnoName(failure.errno));
}

function isSyscallFailure(error: unknown): error is Error & SyscallFailure {
  return error instanceof Error && 'step' in error && 'call' in error && 'errno' in error;
}

function errnoName(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : '';
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
