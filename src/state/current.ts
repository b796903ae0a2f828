import type { HostPath } from '../base/paths.js';
import { RecordReader } from './record.js';
import { type ConfigFile, DRIVER_NAMES, isConfigFiles, isLayerId, isLayerIds, type Root } from './root.js';
import { parseSnapshot, type Snapshot } from './snapshot.js';

const CURRENT_FORMAT = 1;

/** What the root of a container is now (DESIGN §2): one small file, replaced whole. */
export interface Current extends Root {
  readonly format: typeof CURRENT_FORMAT;
  /**
   * What became true with this file and is not in its place yet: whoever locks the container next puts it there
   * (lifecycle/settle.ts). So restore, which changes config and root, is one rename.
   */
  readonly unsettled?: Unsettled;
}

export interface Unsettled {
  /** The config of the restored snapshot. */
  readonly config: readonly ConfigFile[];
  /** The state before, to be kept under this name. */
  readonly keep?: { readonly name: string; readonly snapshot: Snapshot };
}

/** @throws TSCT_DAMAGED_RECORD, TSCT_NEWER_FORMAT (exit 5), system errors. */
export async function readCurrent(path: HostPath): Promise<Current> {
  const record = await RecordReader.open(path, CURRENT_FORMAT);
  const unsettled = record.optional('unsettled', isUnsettled, 'what is to be put in place');
  return {
    format: CURRENT_FORMAT,
    driver: record.oneOf('driver', DRIVER_NAMES),
    layers: record.need('layers', isLayerIds, 'a list of layer ids'),
    upper: record.need('upper', isLayerId, 'a layer id'),
    ...(unsettled ? { unsettled: checkUnsettled(path, unsettled) } : {}),
  };
}

export function currentText(current: Omit<Current, 'format'>): string {
  return `${JSON.stringify({ format: CURRENT_FORMAT, ...current }, null, 2)}\n`;
}

function isUnsettled(value: unknown): value is Unsettled {
  return typeof value === 'object' && value !== null && isConfigFiles((value as Unsettled).config);
}

function checkUnsettled(path: HostPath, { config, keep }: Unsettled): Unsettled {
  if (!keep) return { config };
  const snapshot = parseSnapshot(path, JSON.stringify(keep.snapshot));
  return { config, keep: { name: String(keep.name), snapshot } };
}
