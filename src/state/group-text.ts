import { readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isErrno } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';

/** Text of a file; undefined: there is none. */
export type ReadText = (path: HostPath) => string | undefined;

/** The control groups of a running container. */
export interface Groups {
  /** Of v2: the payload. */
  readonly unified: HostPath;
  /** Of v1, by controller; empty on a host that has v2 only. */
  readonly v1: ReadonlyMap<string, HostPath>;
  /** Controllers whose group of the container PID 1 is not in, since somebody on the host moved it: no limit holds it. */
  readonly lost: readonly string[];
}

/** The file that names the v1 groups that a process is in. */
export function groupsFile(pid: number): HostPath {
  return `/proc/${pid}/cgroup`;
}

/** @param payload absolute. @param pid of its PID 1. */
export function groupsOf(payload: HostPath, pid: number, read: ReadText = readText): Groups {
  const v1 = new Map<string, HostPath>();
  const lost: string[] = [];
  const key = basename(dirname(payload));
  for (const line of (read(groupsFile(pid)) ?? '').split('\n')) {
    const [, controllers, path = ''] = /^\d+:([^:]+):(.*)$/.exec(line) ?? [];
    for (const controller of controllers?.split(',') ?? []) {
      if (!path.split('/').includes(key)) lost.push(controller);
      else v1.set(controller, `/sys/fs/cgroup/${controller}${path}`);
    }
  }
  return { unified: payload, v1, lost: lost.filter((name) => !name.startsWith('name=')) };
}

/** The group may be going while it is read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ESRCH', 'ENOTDIR', 'EOPNOTSUPP')) return undefined;
    throw error;
  }
}

/** Words of each line. */
export function lines(text: string | undefined): string[][] {
  return (text ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/));
}

/** The number after a word that begins a line, `anon 4096`, without taking all of a long file apart; null: no such line. */
export function field(text: string | undefined, key: string): number | null {
  if (text === undefined) return null;
  const at = `\n${text}`.indexOf(`\n${key} `);
  return at < 0 ? null : Number.parseInt(text.slice(at + key.length + 1), 10);
}

/** Null for a file that is not there, or empty. */
export function number(text: string | undefined): number | null {
  return text === undefined || text.trim() === '' ? null : Number(text);
}

/** v1 says none by the largest number of pages that there is. */
const NO_LIMIT = 2 ** 60;

/** Null: no limit. */
export function limit(text: string | undefined): number | null {
  const value = text?.trim() === 'max' ? null : number(text);
  return value === null || value >= NO_LIMIT ? null : value;
}

export function scaled(value: number | null | undefined, by: number): number | null {
  return value === null || value === undefined ? null : value / by;
}

/** Of a disk by its number, `8:0`; the number where it has none. */
export function nameOf(device: string): string {
  try {
    return basename(readlinkSync(`/sys/dev/block/${device}`));
  } catch {
    return device;
  }
}
