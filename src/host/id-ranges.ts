import { readdirSync } from 'node:fs';
import { sha256 } from '../base/digest.js';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { readOptional } from './optional-file.js';

/**
 * Ids of a container: `size` uids from `base`, and the gids of the same numbers.
 * Bounds are those of systemd (UIDS-GIDS.md, "container UID ranges"): every base is a multiple of 65536, and no id
 * has bit 31 set because devpts takes signed numbers.
 */
export interface IdRange {
  readonly base: number;
  readonly size: number;
}

/** A range that somebody has, and who: `/etc/subuid: alice`. */
export interface TakenRange extends IdRange {
  readonly by: string;
}

export const ID_RANGE_SIZE = 65536;
export const FIRST_ID_BASE = 524288;
export const LAST_ID_BASE = 1878982656;

/** Locks that nspawn holds on the ranges of its running containers; the file's name is the base. */
export const NSPAWN_LOCK_DIR: HostPath = '/run/systemd/nspawn-uid';

export interface IdRangeSources {
  readonly subuid: HostPath;
  readonly subgid: HostPath;
  readonly passwd: HostPath;
  readonly group: HostPath;
  readonly nspawnLocks: HostPath;
}

const HOST_SOURCES: IdRangeSources = {
  subuid: '/etc/subuid',
  subgid: '/etc/subgid',
  passwd: '/etc/passwd',
  group: '/etc/group',
  nspawnLocks: NSPAWN_LOCK_DIR,
};

/**
 * Reads which ids of the host are not ours to give: subordinate ids of other users (subuid(5)), users and groups
 * (passwd(5), group(5)), and what nspawn has in use. Root's own lines in subuid are not other users'.
 */
export function readTakenRanges(sources: IdRangeSources = HOST_SOURCES): readonly TakenRange[] {
  return [
    ...parseSubordinateIds(readOptional(sources.subuid) ?? '', sources.subuid),
    ...parseSubordinateIds(readOptional(sources.subgid) ?? '', sources.subgid),
    ...parseAccounts(readOptional(sources.passwd) ?? '', sources.passwd),
    ...parseAccounts(readOptional(sources.group) ?? '', sources.group),
    ...readNspawnLocks(sources.nspawnLocks),
  ];
}

/** Lines `user:base:count`; comments, blank and malformed lines are left out. */
export function parseSubordinateIds(text: string, file: string): readonly TakenRange[] {
  return text.split('\n').flatMap((line) => {
    const [, user, base, size] = /^([^:#]+):(\d+):(\d+)\s*$/.exec(line) ?? [];
    if (!user || user === 'root' || user === '0' || Number(size) === 0) return [];
    return [{ base: Number(base), size: Number(size), by: `${file}: ${user}` }];
  });
}

/** Lines `name:password:id:...` of passwd(5) and group(5). */
export function parseAccounts(text: string, file: string): readonly TakenRange[] {
  return text.split('\n').flatMap((line) => {
    const [, name, id] = /^([^:#]+):[^:]*:(\d+)(:|$)/.exec(line) ?? [];
    return name ? [{ base: Number(id), size: 1, by: `${file}: ${name}` }] : [];
  });
}

function readNspawnLocks(dir: HostPath): readonly TakenRange[] {
  try {
    return readdirSync(dir)
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ base: Number(name), size: ID_RANGE_SIZE, by: `${dir}/${name}` }));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return [];
    throw error;
  }
}

/** Who has any id of a range, if anybody. */
export function findConflict(range: IdRange, taken: readonly TakenRange[]): TakenRange | undefined {
  return taken.find((other) => range.base < other.base + other.size && other.base < range.base + range.size);
}

/**
 * Chooses a free range of 65536 ids. The search starts at a place given by the path, so that a container made
 * again mostly gets the range it had and two state roots, which cannot see each other, mostly choose apart.
 * @param containerDir of the container, state root included.
 * @param taken what others have: `readTakenRanges` and the ranges of all containers.
 * @throws TSCT_NO_ID_RANGE (exit 5) when none is left.
 */
export function chooseIdRange(containerDir: HostPath, taken: readonly TakenRange[]): IdRange {
  const slots = (LAST_ID_BASE - FIRST_ID_BASE) / ID_RANGE_SIZE + 1;
  const first = sha256(containerDir).readUInt32BE() % slots;
  for (let step = 0; step < slots; step++) {
    const base = FIRST_ID_BASE + ((first + step) % slots) * ID_RANGE_SIZE;
    const range = { base, size: ID_RANGE_SIZE };
    if (!findConflict(range, taken)) return range;
  }
  throw new TsctError(
    'TSCT_NO_ID_RANGE',
    `cannot allot ids to ${containerDir}: all ${slots} ranges are taken`,
    {
      exitCode: ExitCode.HostLacks,
      hint: `free ids between ${FIRST_ID_BASE} and ${LAST_ID_BASE + ID_RANGE_SIZE - 1} in /etc/subuid and /etc/subgid`,
    },
  );
}
