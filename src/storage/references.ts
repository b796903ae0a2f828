import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, TsctError } from '../base/errors.js';
import type { HostPath, StateLayout } from '../base/paths.js';

/** Somebody who names trees of the store. */
export interface Owner {
  /** The container whose `current` or snapshot it is; absent: an image. */
  readonly container?: string;
  readonly layers: readonly string[];
}

/**
 * Every tree of the store that a container's `current`, a snapshot or an image names.
 * @throws TSCT_DAMAGED_RECORD: what an unreadable file names must not be lost.
 */
export async function layersInUse(layout: StateLayout): Promise<Set<string>> {
  return new Set((await layerOwners(layout)).flatMap((owner) => owner.layers));
}

/** The same, by who names them. @throws TSCT_DAMAGED_RECORD. */
export async function layerOwners(layout: StateLayout): Promise<Owner[]> {
  const files: { readonly container?: string; readonly file: HostPath }[] = [];
  for (const name of await namesIn(layout.root)) {
    if (name.startsWith('.')) continue;
    files.push({ container: name, file: layout.currentFile(name) });
    // A name with a dot is a snapshot that is being written: its maker has a pin.
    const snapshots = (await namesIn(layout.snapshotDir(name))).filter((file) => !file.startsWith('.'));
    files.push(...snapshots.map((file) => ({ container: name, file: join(layout.snapshotDir(name), file) })));
  }
  const images = join(layout.store, 'images');
  const names = (await namesIn(images)).filter((name) => name.endsWith('.json'));
  files.push(...names.map((name) => ({ file: join(images, name) })));
  return Promise.all(
    files.map(async ({ file, ...owner }) => ({ ...owner, layers: await layersNamedBy(file) })),
  );
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
