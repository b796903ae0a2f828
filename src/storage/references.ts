import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, TsctError } from '../base/errors.js';
import type { HostPath, StateLayout } from '../base/paths.js';

/**
 * Every tree of the store that a container's `current`, a snapshot or an image names.
 * @throws TSCT_DAMAGED_RECORD: what an unreadable file names must not be lost.
 */
export async function layersInUse(layout: StateLayout): Promise<Set<string>> {
  const files: HostPath[] = [];
  for (const name of await namesIn(layout.root)) {
    if (name.startsWith('.')) continue;
    files.push(layout.currentFile(name));
    // A name with a dot is a snapshot that is being written: its maker has a pin.
    const snapshots = (await namesIn(layout.snapshotDir(name))).filter((file) => !file.startsWith('.'));
    files.push(...snapshots.map((file) => join(layout.snapshotDir(name), file)));
  }
  const images = join(layout.store, 'images');
  files.push(...(await namesIn(images)).filter((n) => n.endsWith('.json')).map((n) => join(images, n)));
  return new Set((await Promise.all(files.map(layersNamedBy))).flat());
}

async function layersNamedBy(file: HostPath): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
  try {
    return layersIn(JSON.parse(text) as NamingRecord);
  } catch (cause) {
    throw new TsctError('TSCT_DAMAGED_RECORD', `cannot sweep the layer store: ${file} is damaged`, { cause });
  }
}

/** What of `current`, a snapshot or an image names layers (src/state/current.ts). */
interface NamingRecord {
  readonly layers: readonly string[];
  readonly upper?: string;
  readonly unsettled?: { readonly keep?: { readonly snapshot: NamingRecord } };
}

function layersIn({ layers, upper, unsettled }: NamingRecord): string[] {
  const kept = unsettled?.keep ? layersIn(unsettled.keep.snapshot) : [];
  return [...layers, ...(upper === undefined ? [] : [upper]), ...kept].map(String);
}

/** Names in a directory, none when it is not there. */
export async function namesIn(directory: HostPath): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
