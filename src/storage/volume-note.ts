import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { HostPath } from '../base/paths.js';

/**
 * A tree that is a volume with a file system of its own, mounted at layers/ID/tree. The file `volume` beside it says
 * which: it is there before the volume and goes after it, so whoever finds the directory of a killed command finds
 * the volume by it. Mounted when somebody first needs the tree (LayerStore.present), until it is removed.
 */
export interface VolumeNote {
  readonly format: 1;
  /** VG/NAME. */
  readonly volume: string;
  /** VG/NAME of the thin pool that it is in. */
  readonly pool: string;
}

/** Who makes a volume: lvcreate, which outlives a killed tsct, holds the lock of its pin until it has ended. */
export interface VolumeMaker {
  readonly stateRoot: HostPath;
  readonly pinFd: number;
}

/** Of layers/ID; undefined for a tree that is a plain directory. */
export function volumeOf(layerDir: HostPath): VolumeNote | undefined {
  const file = noteFile(layerDir);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as VolumeNote) : undefined;
}

/** True for a tree that is a volume and not mounted: it looks empty then. */
export function isAbsent(layerDir: HostPath): boolean {
  return existsSync(noteFile(layerDir)) && !isShown(layerDir);
}

/** True when it is mounted. */
export function isShown(layerDir: HostPath): boolean {
  const tree = statSync(join(layerDir, 'tree'), { throwIfNoEntry: false });
  return tree !== undefined && tree.dev !== statSync(layerDir).dev;
}

/** Where it is said. */
export function noteFile(layerDir: HostPath): HostPath {
  return join(layerDir, 'volume');
}
