import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isErrno } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';

/** Where tsct makes the cgroups of containers itself, of a hybrid host and of a v2 host. */
const TOPS: readonly HostPath[] = ['/sys/fs/cgroup/unified/tsct', '/sys/fs/cgroup/tsct'];
/** Below it are the slices of a host run by systemd. */
const UNIFIED: HostPath = '/sys/fs/cgroup';
const SLICE = '.slice';

/** Keys of all containers that have a cgroup: what runs on this machine, whatever became of its run directory. */
export function keysWithGroup(): string[] {
  const made = TOPS.flatMap((top) => [top, ...slicesIn(top)])
    .flatMap(names)
    .filter((name) => !name.endsWith(SLICE));
  const units = slicesIn(UNIFIED).flatMap((slice) =>
    names(slice).flatMap((name) => {
      const [, key] = /^tsct-(.*)\.service$/.exec(name) ?? [];
      return key !== undefined && isContainer(join(slice, name)) ? key : [];
    }),
  );
  return [...made, ...units];
}

/** The cgroup of a container, supervisor and payload below it; undefined when it has none. */
export function groupOf(key: string): HostPath | undefined {
  for (const place of places(key)) if (existsSync(place)) return place;
  return undefined;
}

/** Where it can be. Slices, which are searched for, come after what is found by name. */
function* places(key: string): Generator<HostPath> {
  const unit = `tsct-${key}.service`;
  for (const top of TOPS) yield join(top, key);
  yield join(UNIFIED, 'tsct.slice', unit);
  for (const slice of TOPS.flatMap(slicesIn)) yield join(slice, key);
  for (const slice of slicesIn(UNIFIED)) if (isContainer(join(slice, unit))) yield join(slice, unit);
}

/** The slice that a container is in. @param payload its group. */
export function sliceOf(payload: HostPath): string | null {
  const above = basename(dirname(dirname(payload)));
  return above.endsWith(SLICE) ? above : null;
}

/** Other services are called tsct-something, too. */
function isContainer(unit: HostPath): boolean {
  return basename(dirname(unit)) === 'tsct.slice' || existsSync(join(unit, 'supervisor'));
}

/** At any depth. */
function slicesIn(dir: HostPath): HostPath[] {
  return names(dir)
    .filter((name) => name.endsWith(SLICE))
    .map((name) => join(dir, name))
    .flatMap((slice) => [slice, ...slicesIn(slice)]);
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
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [];
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
