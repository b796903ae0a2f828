import { isUuid, RecordReader } from '../state/record.js';
import { type ConfigFile, DRIVER_NAMES, type DriverName, isConfigFiles } from '../state/root.js';
import { isSnapshotName } from '../state/snapshot.js';
import type { HeldState } from './view.js';

const MANIFEST_FORMAT = 1;

/** What travels with a root in exports and backups. The identity does not, but for a backup's `machine`. */
export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT;
  readonly name: string;
  readonly snapshot?: string;
  /** Of the root that it was read of. */
  readonly driver: DriverName;
  readonly config: readonly ConfigFile[];
  /** When the state was so. */
  readonly createdMs: number;
  readonly running: boolean;
  /** What a container that is lost needs to come back as the same machine. */
  readonly machine?: Machine;
  /** Of a snapshot that was sent. */
  readonly sent?: SentNote;
}

/** A snapshot as sender and receiver both know it. */
export interface SnapshotRef {
  readonly snapshot: string;
  readonly uuid: string;
}

export interface SentNote {
  readonly uuid: string;
  /** What the archive changes; absent: it is all of the root. */
  readonly from?: SnapshotRef;
  /** All snapshots that the sender has, oldest first. */
  readonly others: readonly SnapshotRef[];
}

export interface Machine {
  readonly uuid: string;
  readonly macs: Readonly<Record<string, string>>;
}

export function manifestText(
  state: HeldState,
  { machine, sent }: Pick<Manifest, 'machine' | 'sent'> = {},
): string {
  const { name, snapshot, driver, config, createdMs, running } = state;
  const manifest: Manifest = {
    format: MANIFEST_FORMAT,
    name,
    ...(snapshot === undefined ? {} : { snapshot }),
    driver,
    config,
    createdMs,
    running,
    ...(machine ? { machine } : {}),
    ...(sent ? { sent } : {}),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/**
 * @param where it was read, for the message.
 * @throws TSCT_NEWER_FORMAT (exit 5), TSCT_DAMAGED_RECORD.
 */
export function parseManifest(where: string, text: string): Manifest {
  const record = RecordReader.parse(where, text, MANIFEST_FORMAT);
  const snapshot = record.optional('snapshot', (v): v is string => typeof v === 'string', 'a name');
  const machine = record.optional('machine', isMachine, 'a uuid and MAC addresses');
  const sent = record.optional('sent', isSentNote, 'what a snapshot that was sent is');
  return {
    format: MANIFEST_FORMAT,
    name: record.string('name'),
    ...(snapshot === undefined ? {} : { snapshot }),
    driver: record.oneOf('driver', DRIVER_NAMES),
    config: record.need('config', isConfigFiles, 'the files of a config'),
    createdMs: record.integer('createdMs'),
    running: record.need('running', (v): v is boolean => typeof v === 'boolean', 'true or false'),
    ...(machine ? { machine } : {}),
    ...(sent ? { sent } : {}),
  };
}

function isSentNote(value: unknown): value is SentNote {
  const { uuid, from, others } = (value ?? {}) as Partial<SentNote>;
  return isUuid(uuid) && (from === undefined || isRef(from)) && Array.isArray(others) && others.every(isRef);
}

function isRef(value: unknown): value is SnapshotRef {
  const { snapshot, uuid } = (value ?? {}) as Partial<SnapshotRef>;
  return typeof snapshot === 'string' && isSnapshotName(snapshot) && isUuid(uuid);
}

function isMachine(value: unknown): value is Machine {
  const { uuid, macs } = (value ?? {}) as Partial<Machine>;
  return (
    isUuid(uuid) &&
    typeof macs === 'object' &&
    macs !== null &&
    Object.values(macs).every((mac) => typeof mac === 'string')
  );
}
