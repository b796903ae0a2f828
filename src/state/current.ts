import { writeFileAtomic } from '../base/atomic-file.js';
import type { HostPath } from '../base/paths.js';
import { RecordReader } from './record.js';

export const CURRENT_FORMAT = 1;

/** What the root of a container is now (DESIGN §2): one small file, replaced whole. */
export interface Current {
  readonly format: typeof CURRENT_FORMAT;
  readonly driver: 'overlay' | 'dir';
  /** Ids of layers in the store, lowest first; empty for `dir`. */
  readonly layers: readonly string[];
  /** Directory below NAME/: overlay holds `upper/` and `work/` in it, dir is the root itself. */
  readonly upper: string;
  /** Counts the configs that a root was started with; snapshots name one. */
  readonly configGeneration: number;
}

/** @throws TSCT_DAMAGED_RECORD, TSCT_NEWER_FORMAT (exit 5), system errors. */
export async function readCurrent(path: HostPath): Promise<Current> {
  const record = await RecordReader.open(path, CURRENT_FORMAT);
  return {
    format: CURRENT_FORMAT,
    driver: record.oneOf('driver', ['overlay', 'dir']),
    layers: record.need(
      'layers',
      (v): v is string[] =>
        Array.isArray(v) && v.every((id) => typeof id === 'string' && /^[\w.+-]+$/.test(id)),
      'a list of layer ids',
    ),
    upper: record.need(
      'upper',
      (v): v is string => typeof v === 'string' && /^[a-zA-Z0-9][\w.-]*$/.test(v),
      'the name of a directory',
    ),
    configGeneration: record.integer('configGeneration'),
  };
}

export async function writeCurrent(path: HostPath, current: Current): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(current, null, 2)}\n`);
}
