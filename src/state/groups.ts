import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';

/** Where the cgroups of containers can be in the v2 tree: of a hybrid host, of a v2 host, of one run by systemd. */
const TOPS: readonly HostPath[] = [
  '/sys/fs/cgroup/unified/tsct',
  '/sys/fs/cgroup/tsct',
  '/sys/fs/cgroup/tsct.slice',
];

/** Keys of all containers that have a cgroup: what runs on this machine, whatever became of its run directory. */
export function keysWithGroup(): string[] {
  return TOPS.flatMap(names).map((name) => name.replace(/^tsct-(.*)\.service$/, '$1'));
}

/** The cgroup of a container, supervisor and payload below it; undefined when it has none. */
export function groupOf(key: string): HostPath | undefined {
  return TOPS.map((top) => join(top, top.endsWith('.slice') ? `tsct-${key}.service` : key)).find(existsSync);
}

/** The living supervisor in a container's cgroup. */
export function supervisorIn(group: HostPath): number | undefined {
  return text(join(group, 'supervisor', 'cgroup.procs'))
    .split('\n')
    .filter(Boolean)
    .map(Number)
    .find((pid) => text(`/proc/${pid}/comm`) === 'tsct-supervisor\n');
}

function names(top: HostPath): string[] {
  try {
    return readdirSync(top, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'ENODEV')) return '';
    throw error;
  }
}
