import { constants } from 'node:os';
import { parseSnapshotAddress } from '../base/address.js';
import { TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { programPath } from '../supervisor/programs.js';
import type { NativeError } from '../supervisor/protocol.js';
import type { Context } from './context.js';
import { pipe } from './pipe-archive.js';
import { VIEW_DIR, viewWords, withHeldState } from './view.js';

/**
 * Brings files of a snapshot to the host, as {@link copy} does those of a running container.
 * @param address NAME@SNAP. @param path as the container sees it.
 * @throws TSCT_NO_SNAPSHOT (exit 3), TSCT_NO_FILE, TSCT_IS_DIRECTORY without `recursive`, TSCT_NATIVE.
 */
export async function copyOutOfSnapshot(
  ctx: Context,
  address: string,
  path: string,
  to: HostPath,
  { recursive }: { readonly recursive: boolean },
): Promise<void> {
  const doing = `copy ${address}:${path} to ${to}`;
  await withHeldState(ctx, parseSnapshotAddress(address), doing, {}, async ({ trees }) => {
    const flags = ['--root', VIEW_DIR, ...(recursive ? [] : ['--no-tree'])];
    const pack = [...viewWords(trees), programPath('tsct-archive'), ...flags, 'pack', path];
    try {
      await pipe(pack, ['--drop-privileges', 'unpack', '--target', to], doing, ctx.signal);
    } catch (error) {
      throw inWordsOfCp(error, `${address}:${path}`);
    }
  });
}

function inWordsOfCp(error: unknown, from: string): unknown {
  const cause = error instanceof TsctError ? (error.cause as NativeError | undefined) : undefined;
  if (!cause || !['open directory', 'open file', 'look at file'].includes(cause.step)) return error;
  if (cause.errno === constants.errno.EISDIR) {
    return new TsctError('TSCT_IS_DIRECTORY', `cannot copy ${from}: it is a directory`, {
      hint: 'copy it with all that is in it: tsct cp -r',
    });
  }
  if (cause.errno !== constants.errno.ENOENT && cause.errno !== constants.errno.ENOTDIR) return error;
  return new TsctError('TSCT_NO_FILE', `cannot copy ${from}: there is no such file`);
}
