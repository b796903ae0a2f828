import { readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isErrno } from '../base/errors.js';

/** Text of a file of a control group; undefined: there is none. */
export type Reader = (file: string) => string | undefined;

/**
 * Readers of a container's groups: of v2 the payload, of v1 one for each controller.
 * @param payload absolute. @param pid of its PID 1: /proc/PID/cgroup names the v1 groups.
 */
export function groupReaders(
  payload: string,
  pid: number,
): { readonly unified: Reader; readonly v1: (controller: string) => Reader } {
  let groups: Map<string, string> | undefined;
  return {
    unified: (file) => readText(join(payload, file)),
    v1: (controller) => {
      groups ??= v1Groups(pid);
      const group = groups.get(controller);
      return (file) =>
        group === undefined ? undefined : readText(join('/sys/fs/cgroup', controller, group, file));
    },
  };
}

/** Controller → path of its v1 group, from /proc/PID/cgroup. */
function v1Groups(pid: number): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of (readText(`/proc/${pid}/cgroup`) ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]+):(.*)$/.exec(line) ?? [];
    for (const controller of controllers?.split(',') ?? []) groups.set(controller, path ?? '/');
  }
  return groups;
}

/** The group may be going while it is read. */
function readText(path: string): string | undefined {
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

/** `anon 4096`, one a line. */
export function keyed(text: string | undefined): Map<string, number> {
  return new Map(lines(text).map(([key = '', value]) => [key, Number(value)]));
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
