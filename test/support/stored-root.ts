import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno } from '../../src/base/errors.js';
import type { TestRoot } from './temp-root.js';

/** Roots of stopped containers as they lie in the store: what a fault left is looked at without booting it. */

interface Stored {
  readonly layers: readonly string[];
  readonly upper?: string;
}

/** `NAME` or `NAME@SNAP`. */
export async function stackOf(root: TestRoot, address: string): Promise<Stored> {
  const [name = '', snapshot] = address.split('@');
  const file = snapshot === undefined ? 'current' : join('snapshots', snapshot);
  return JSON.parse(await readFile(join(root.path, name, file), 'utf8')) as Stored;
}

/** A file of a root, from the topmost tree that has it; undefined when none has. */
export async function readInside(root: TestRoot, address: string, path: string): Promise<string | undefined> {
  const { layers, upper } = await stackOf(root, address);
  for (const id of [...(upper === undefined ? [] : [upper]), ...[...layers].reverse()]) {
    try {
      return await readFile(join(root.layout.layerTree(id), path), 'utf8');
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    }
  }
  return undefined;
}

/** Writes a file into the writable tree of a stopped container. */
export async function writeInside(root: TestRoot, name: string, path: string, text: string): Promise<void> {
  const { upper } = await stackOf(root, name);
  const file = join(root.layout.layerTree(upper ?? ''), path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

/** Seals what a stopped overlay container wrote, as a snapshot would: a layer more, without the cost of a command. */
export async function growStack(root: TestRoot, name: string): Promise<void> {
  const { layers, upper = '', ...rest } = await stackOf(root, name);
  const next = randomBytes(16).toString('hex');
  for (const part of ['tree', 'work'])
    await mkdir(join(root.layout.layerDir(next), part), { recursive: true });
  const current = { ...rest, layers: [...layers, upper], upper: next };
  await writeFile(root.layout.currentFile(name), JSON.stringify(current));
}

/** Trees in the store that no container, snapshot or image names, and what else must not be left there. */
export function unnamedTrees(root: TestRoot): string[] {
  const named = new Set<string>();
  const take = (file: string): void => {
    const { layers, upper } = JSON.parse(readFileSync(file, 'utf8')) as Stored;
    for (const id of [...layers, ...(upper === undefined ? [] : [upper])]) named.add(id);
  };
  for (const name of list(root.path)) {
    if (name.startsWith('.')) continue;
    take(root.layout.currentFile(name));
    for (const snapshot of list(root.layout.snapshotDir(name)))
      take(join(root.layout.snapshotDir(name), snapshot));
  }
  const images = join(root.layout.store, 'images');
  for (const image of list(images)) take(join(images, image));
  const trees = list(dirname(root.layout.layerDir('x'))).filter((id) => !named.has(id));
  return [...trees, ...list(root.layout.pinDir).map((pin) => `pin ${pin}`)];
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
