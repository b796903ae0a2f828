import { readdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncPath, writeFileAtomic } from '../base/atomic-file.js';
import { makeDirectories } from '../base/directories.js';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import { parseCidr } from '../base/ip.js';
import type { StateLayout } from '../base/paths.js';
import { RecordReader } from './record.js';

const NETWORK_FORMAT = 1;

/** A network of tsct: .networks/NAME.json. Addresses on it are in the identities of the containers. */
export interface NetworkRecord {
  readonly name: string;
  /** Subnets with prefix length. */
  readonly ipv4: string;
  readonly ipv6: string;
  /** Of the bridge; absent: the kernel's. */
  readonly mtu?: number;
  readonly createdMs: number;
}

/** The networks of a state root. Whoever changes one holds its lock. */
export class Networks {
  constructor(private readonly layout: StateLayout) {}

  /** Names, sorted. */
  async names(): Promise<string[]> {
    const files = await readdir(dirname(this.layout.networkFile('x'))).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    return files
      .filter((file) => /^[a-z][a-z0-9-]*\.json$/.test(file))
      .map((file) => file.slice(0, -'.json'.length))
      .sort();
  }

  /** Undefined when there is no such network. @throws TSCT_DAMAGED_RECORD, TSCT_NEWER_FORMAT (exit 5). */
  async read(name: string): Promise<NetworkRecord | undefined> {
    try {
      const record = await RecordReader.open(this.layout.networkFile(name), NETWORK_FORMAT);
      const mtu = record.optional('mtu', (v): v is number => Number.isSafeInteger(v), 'a whole number');
      return {
        name,
        ipv4: record.need('ipv4', isSubnet(4), 'an IPv4 subnet'),
        ipv6: record.need('ipv6', isSubnet(6), 'an IPv6 subnet'),
        ...(mtu === undefined ? {} : { mtu }),
        createdMs: record.integer('createdMs'),
      };
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** @throws TSCT_NO_NETWORK (exit 3). */
  async need(name: string): Promise<NetworkRecord> {
    const record = await this.read(name);
    if (record) return record;
    throw new TsctError('TSCT_NO_NETWORK', `there is no network ${name}`, {
      exitCode: ExitCode.NotFound,
      hint: `make it: tsct network create ${name}; see: tsct network list`,
    });
  }

  async write(record: NetworkRecord): Promise<void> {
    const file = this.layout.networkFile(record.name);
    makeDirectories(dirname(file), 0o700);
    await writeFileAtomic(file, `${JSON.stringify({ format: NETWORK_FORMAT, ...record }, null, 2)}\n`);
  }

  async remove(name: string): Promise<void> {
    const file = this.layout.networkFile(name);
    await unlink(file);
    await syncPath(dirname(file));
  }
}

function isSubnet(version: 4 | 6): (value: unknown) => value is string {
  return (value): value is string => {
    try {
      return typeof value === 'string' && parseCidr(value).version === version;
    } catch {
      return false;
    }
  };
}
