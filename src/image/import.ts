import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { Pin } from '../storage/pin.js';
import { type ArchiveSummary, copyTree, unpackTar } from './archive.js';
import type { ImageContext } from './image.js';

export interface Imported {
  readonly layer: string;
  readonly summary: ArchiveSummary;
}

/**
 * Makes a layer of a directory or of a tar (plain, gzip, bzip2, xz, lzma, zstd, lz4). Owners are taken as they
 * are: 0 becomes the container's root. What a container must not bring (overlay's own attributes, `trusted.*`,
 * host labels) is left out and told in the summary.
 * @throws TSCT_NO_ROOTFS (exit 2), TSCT_BAD_ARCHIVE naming the entry, TSCT_ARCHIVE_FAILED; nothing is left then.
 */
export async function importRootfs(ctx: ImageContext, pin: Pin, source: HostPath): Promise<Imported> {
  const from = resolve(source);
  const directory = await isDirectory(from);
  const doing = `import ${from}`;
  let summary: ArchiveSummary | undefined;
  const layer = await ctx.store.add(pin, async (tree) => {
    const move = directory ? copyTree : unpackTar;
    summary = await move(ctx.tools, from, tree, doing);
    if (summary.entries <= 1) {
      throw new TsctError('TSCT_NO_ROOTFS', `cannot ${doing}: it is empty`, { exitCode: ExitCode.Usage });
    }
    const { id, entries, bytes, devices, stripped } = summary;
    return { digest: id, note: { origin: from, entries, sizeBytes: bytes, devices, stripped } };
  });
  if (!summary) throw new TsctError('TSCT_NO_ROOTFS', `cannot ${doing}: it was not read`);
  return { layer, summary };
}

async function isDirectory(path: HostPath): Promise<boolean> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return true;
    if (found.isFile()) return false;
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    throw noRootfs(path, 'there is no such file or directory');
  }
  throw noRootfs(path, 'it is neither a directory nor a tar file');
}

function noRootfs(path: HostPath, why: string): TsctError {
  return new TsctError('TSCT_NO_ROOTFS', `cannot import ${path}: ${why}`, { exitCode: ExitCode.Usage });
}
