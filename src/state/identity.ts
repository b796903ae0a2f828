import { writeFileAtomic } from '../base/atomic-file.js';
import type { HostPath } from '../base/paths.js';
import { randomUuid } from '../base/random.js';
import { isUuid, RecordReader } from './record.js';

/** 1 had no addresses. */
export const IDENTITY_FORMAT = 2;
/** Ids of one container: what systemd-nspawn -U and a stock system (nobody is 65534) need. */
export const ID_COUNT = 65536;

/** What an interface has on a network of tsct. */
export interface Allotment {
  readonly network: string;
  /** Without prefix length: that is the network's. */
  readonly ipv4: string;
  readonly ipv6: string;
}

/** What tsct allotted to this container alone: never copied to a clone, never brought back by restore. */
export interface Identity {
  readonly format: typeof IDENTITY_FORMAT;
  /** RFC 4122 text form; the machine-id is the same without dashes. */
  readonly uuid: string;
  /** First host uid and gid of its range. */
  readonly idBase: number;
  readonly idCount: typeof ID_COUNT;
  /** Interface name inside → MAC address. */
  readonly macs: Readonly<Record<string, string>>;
  /** Interface name inside → its addresses on a network of tsct. */
  readonly addresses: Readonly<Record<string, Allotment>>;
  readonly createdMs: number;
}

/** A new identity over an id range that the caller has chosen and claimed. */
export function newIdentity(idBase: number, nowMs = Date.now()): Identity {
  return {
    format: IDENTITY_FORMAT,
    uuid: randomUuid(),
    idBase,
    idCount: ID_COUNT,
    macs: {},
    addresses: {},
    createdMs: nowMs,
  };
}

/** /etc/machine-id of the container (machine-id(5): 32 hex digits). */
export function machineId(identity: Identity): string {
  return identity.uuid.replaceAll('-', '');
}

/** @throws TSCT_DAMAGED_RECORD, TSCT_NEWER_FORMAT (exit 5), system errors. */
export async function readIdentity(path: HostPath): Promise<Identity> {
  const record = await RecordReader.open(path, IDENTITY_FORMAT);
  return {
    format: IDENTITY_FORMAT,
    uuid: record.need('uuid', isUuid, 'a uuid'),
    idBase: record.need(
      'idBase',
      (v): v is number => Number.isSafeInteger(v) && (v as number) > 0 && (v as number) < 2 ** 32 - ID_COUNT,
      'the first id of a range',
    ),
    idCount: record.need('idCount', (v): v is typeof ID_COUNT => v === ID_COUNT, String(ID_COUNT)),
    macs: record.stringMap('macs'),
    addresses: { ...record.need('addresses', isAllotted, 'addresses by interface') },
    createdMs: record.integer('createdMs'),
  };
}

/** Of an identity of format 1, too. */
function isAllotted(value: unknown): value is Identity['addresses'] {
  if (Array.isArray(value)) return value.length === 0;
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((each: Partial<Allotment> | null) =>
      [each?.network, each?.ipv4, each?.ipv6].every((field) => typeof field === 'string'),
    )
  );
}

export function identityText(identity: Identity): string {
  return `${JSON.stringify(identity, null, 2)}\n`;
}

export async function writeIdentity(path: HostPath, identity: Identity): Promise<void> {
  await writeFileAtomic(path, identityText(identity));
}
