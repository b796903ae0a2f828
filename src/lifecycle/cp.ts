import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import { addon, isSyscallErrno } from '../supervisor/addon.js';
import { programPath } from '../supervisor/programs.js';
import type { Status } from '../supervisor/protocol.js';
import type { Context } from './context.js';
import { observe } from './observe.js';
import { pipe } from './pipe-archive.js';
import { notRunning } from './stop.js';

/** One end of a copy. */
export type Place =
  | { readonly container: string; readonly path: string }
  | { readonly container?: never; readonly path: string };

/** `NAME:/path` or a path of the host; a path with a colon is written `./a:b`, as for scp(1). */
export function parsePlace(text: string): Place {
  const [, container, path] = /^([^:/]+):(.*)$/s.exec(text) ?? [];
  return container === undefined ? { path: text } : { container, path: path || '/' };
}

/**
 * Copies files between host and container: tsct-archive packs on one side and unpacks on the other, the side
 * inside having entered the container's namespaces. As cp(1): into a directory under its own name, else as the
 * new name.
 * @throws TSCT_USAGE (exit 2), TSCT_IS_DIRECTORY without `recursive`, TSCT_NOT_RUNNING (exit 4), TSCT_NATIVE.
 */
export async function copy(
  ctx: Context,
  from: string,
  to: string,
  options: { readonly recursive: boolean },
): Promise<{ readonly from: string; readonly to: string }> {
  const [source, target] = [parsePlace(from), parsePlace(to)];
  if ((source.container === undefined) === (target.container === undefined)) {
    throw new TsctError('TSCT_USAGE', 'cannot copy: exactly one of the two must be NAME:/path', {
      exitCode: ExitCode.Usage,
      hint: 'tsct cp FILE NAME:/path, or tsct cp NAME:/path FILE',
    });
  }
  if (target.container?.includes('@')) throw sealed(to);
  if (source.container?.includes('@')) {
    const { copyOutOfSnapshot } = await import('./cp-snapshot.js');
    await copyOutOfSnapshot(ctx, source.container, hostOrInside(source), resolveKeepingSlash(to), options);
    return { from, to };
  }
  const status = await needAlive(ctx, source.container ?? target.container ?? '');
  if (!options.recursive && isDirectory(source, status.pid)) {
    throw new TsctError('TSCT_IS_DIRECTORY', `cannot copy ${from}: it is a directory`, {
      hint: 'copy it with all that is in it: tsct cp -r',
    });
  }
  const inside = ['--enter-pid', String(status.pid), '--parent', String(status.supervisorPid)];
  const pack = ['pack', hostOrInside(source)];
  const unpack = ['unpack', '--target', hostOrInside(target)];
  const [packWords, unpackWords] =
    source.container === undefined
      ? [pack, [...inside, ...unpack]]
      : // What comes out of a guest must not be set-id for the host, nor a device.
        [
          [...inside, ...pack],
          ['--drop-privileges', ...unpack],
        ];
  await pipe([programPath('tsct-archive'), ...packWords], unpackWords, `copy ${from} to ${to}`, ctx.signal);
  return { from, to };
}

function sealed(to: string): TsctError {
  return new TsctError('TSCT_USAGE', `cannot copy to ${to}: a snapshot is never changed`, {
    exitCode: ExitCode.Usage,
    hint: 'copy into the container: tsct cp FILE NAME:/path',
  });
}

function hostOrInside(place: Place): string {
  if (place.container === undefined) return resolveKeepingSlash(place.path);
  return place.path.startsWith('/') ? place.path : `/${place.path}`;
}

/** A trailing slash asks for a directory: resolve(3) would drop it. */
function resolveKeepingSlash(path: string): string {
  return path.endsWith('/') ? `${resolve(path)}/` : resolve(path);
}

/** On either side a link at the end of the path is itself what is copied. @throws TSCT_NO_FILE. */
function isDirectory(place: Place, pid: number): boolean {
  try {
    if (place.container === undefined) return lstatSync(place.path).isDirectory();
    return isDirectoryInside(hostOrInside(place), pid);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR') && !isSyscallErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    const shown = place.container === undefined ? place.path : `${place.container}:${place.path}`;
    throw new TsctError('TSCT_NO_FILE', `cannot copy ${shown}: there is no such file`);
  }
}

/** linux/fcntl.h: only to look at, nothing is opened. */
const O_PATH = 0o10000000;

function isDirectoryInside(path: string, pid: number): boolean {
  const root = openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY);
  try {
    const file = addon().openat2InRoot(root, path, O_PATH | constants.O_NOFOLLOW);
    try {
      return fstatSync(file).isDirectory();
    } finally {
      closeSync(file);
    }
  } finally {
    closeSync(root);
  }
}

async function needAlive(ctx: Context, name: string): Promise<Status> {
  ctx.store.need(name);
  const { status } = await observe(ctx, name);
  if (!status?.pid) throw notRunning('copy files of', name);
  return status;
}
