import { spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { addon, isSyscallErrno } from '../supervisor/addon.js';
import { describeNativeError } from '../supervisor/native-error.js';
import { programPath } from '../supervisor/programs.js';
import type { NativeError, Status } from '../supervisor/protocol.js';
import type { Context } from './context.js';
import { observe } from './observe.js';
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
  await pipe(packWords, unpackWords, `copy ${from} to ${to}`, ctx.signal);
  return { from, to };
}

/**
 * Copies a file or tree that came out of a guest to the host: without set-id bits and devices.
 */
export async function packInto(
  from: HostPath,
  to: HostPath,
  doing: string,
  signal: AbortSignal,
): Promise<void> {
  await pipe(['pack', from], ['--drop-privileges', 'unpack', '--target', to], doing, signal);
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

async function pipe(
  pack: readonly string[],
  unpack: readonly string[],
  doing: string,
  signal: AbortSignal,
): Promise<void> {
  const program = programPath('tsct-archive');
  const writer = spawn(program, unpack, { stdio: ['pipe', 'ignore', 'pipe'], signal });
  const reader = spawn(program, pack, { stdio: ['ignore', 'pipe', 'pipe'], signal });
  reader.stdout.pipe(writer.stdin);
  writer.stdin.on('error', () => {}); // the writer has failed and says why itself
  const ends = await Promise.all([ending(reader), ending(writer)]);
  signal.throwIfAborted();
  // A reader that fails cuts the stream short, which the writer complains about too: the first cause counts.
  const failed = ends.find((end) => end.code !== 0 && end.code !== 'SIGPIPE');
  if (failed) throw describe(doing, failed.said, failed.code);
}

interface Ending {
  readonly code: number | string;
  readonly said: string;
}

function ending(child: ReturnType<typeof spawn>): Promise<Ending> {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  return new Promise((done, reject) => {
    child.once('error', (error) => (error.name === 'AbortError' ? undefined : reject(error)));
    child.once('close', (code, killedBy) => done({ code: killedBy ?? code ?? 1, said }));
  });
}

function describe(doing: string, said: string, code: number | string): TsctError {
  const line = said.split('\n').find((l) => l.startsWith('{') && l.includes('"step"'));
  if (line) return describeNativeError(doing, JSON.parse(line) as NativeError);
  return new TsctError('TSCT_COPY_FAILED', `cannot ${doing}: tsct-archive ended with ${code} ${said.trim()}`);
}
