import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { chmod, mkdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import type { HostPath } from '../base/paths.js';
import type { TreeTools } from '../storage/tree-tools.js';
import { addon } from '../supervisor/addon.js';
import { describeProgramFailure } from '../supervisor/native-error.js';
import { programPath } from '../supervisor/programs.js';
import type { Context } from './context.js';
import { copyLive } from './live-copy.js';

/** Inode of the root of every subvolume (btrfs: BTRFS_FIRST_FREE_OBJECTID). */
const SUBVOLUME_INODE = 256;
/** linux/magic.h: BTRFS_SUPER_MAGIC. */
const BTRFS_MAGIC = 0x9123683e;

export function treeTools({ signal }: Context): TreeTools {
  return {
    async copy(from, into, { share = false, durable = false } = {}) {
      const words = [...(share ? ['--reflink=always'] : []), ...(durable ? ['--sync'] : [])];
      await copyProgram({ signal }, ['tree', ...words, ...from, into], 'copy a tree');
    },
    copyLive: (from, into, freeze) => copyLive(from, into, freeze, signal),
    async isSubvolume(path) {
      return statSync(path).ino === SUBVOLUME_INODE;
    },
    async makeSubvolume(path) {
      await copyProgram({ signal }, ['subvolume', 'create', path], 'make a btrfs subvolume');
    },
    async snapshotSubvolume(from, to) {
      addon().snapshotSubvolume(from, to); // one call: no program, which is 10 ms of a bar of 20
    },
    async sync(path) {
      await run('sync', ['--file-system', path], { doing: `write out ${path}`, signal });
    },
  };
}

export async function isOnBtrfs(path: HostPath): Promise<boolean> {
  return (await statfs(path)).type === BTRFS_MAGIC;
}

/** Makes the directory of a new tree, mode 0755: on btrfs a subvolume, so that copies of it cost nothing. */
export async function makeTree(path: HostPath): Promise<void> {
  if (await isOnBtrfs(dirname(path)))
    await copyProgram({}, ['subvolume', 'create', path], 'make a btrfs subvolume');
  else await mkdir(path);
  await chmod(path, 0o755); // whatever the umask is
}

/** Removes trees by many threads, btrfs subvolumes by one call each. @throws TSCT_NATIVE. */
export async function removeTrees(paths: readonly HostPath[]): Promise<void> {
  if (paths.length > 0) await copyProgram({}, ['remove', ...paths], 'remove a tree');
}

/**
 * Says what a copy of the first stack of trees (lowest first) needs to become equal to the second (native/copy/jobs.h).
 * @param output descriptor that it goes to. @throws TSCT_NATIVE.
 */
export async function tellDelta(
  { signal }: Context,
  a: readonly HostPath[],
  b: readonly HostPath[],
  output: number,
): Promise<void> {
  await copyProgram({ signal, stdout: output }, deltaWords(a, b), 'compare two snapshots');
}

/** Whether the two show the same in every respect. Ends with the first difference. */
export async function areEqual(
  { signal }: Context,
  a: readonly HostPath[],
  b: readonly HostPath[],
): Promise<boolean> {
  const child = spawn(programPath('tsct-copy'), deltaWords(a, b), {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
  });
  const ended = once(child, 'close');
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.length > END_OF_DELTA.length) break;
  }
  child.kill();
  await ended;
  return said === END_OF_DELTA;
}

const END_OF_DELTA = '.\0';

function deltaWords(a: readonly HostPath[], b: readonly HostPath[]): string[] {
  return ['diff', '--delta', '--a', ...a, '--b', ...b];
}

/** Runs tsct-copy to its end. @returns its stdout. @throws TSCT_NATIVE, TSCT_PROGRAM_FAILED. */
async function copyProgram(
  ctx: { readonly signal?: AbortSignal; readonly stdout?: number },
  args: readonly string[],
  doing: string,
): Promise<string> {
  let said = '';
  const onStderrLine = (line: string): void => {
    said += `${line}\n`;
  };
  try {
    return await run(programPath('tsct-copy'), args, { doing, onStderrLine, ...ctx });
  } catch (error) {
    ctx.signal?.throwIfAborted();
    if (!(error instanceof TsctError) || error.code !== 'TSCT_PROGRAM_FAILED') throw error;
    throw describeProgramFailure('tsct-copy', doing, said, 'a failure');
  }
}
