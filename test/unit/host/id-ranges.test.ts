import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { TsctError } from '../../../src/base/errors.js';
import {
  chooseIdRange,
  FIRST_ID_BASE,
  findConflict,
  ID_RANGE_SIZE,
  LAST_ID_BASE,
  parseAccounts,
  parseSubordinateIds,
  readTakenRanges,
  type TakenRange,
} from '../../../src/host/id-ranges.js';

const taken = (base: number, size = ID_RANGE_SIZE) => ({ base, size, by: 'test' });

describe('chooseIdRange', () => {
  it('stays on multiples of 65536 inside the container range, for any name', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 64 }), (name) => {
        const { base, size } = chooseIdRange(name, []);
        expect(base % 65536).toBe(0);
        expect(base).toBeGreaterThanOrEqual(FIRST_ID_BASE);
        expect(base).toBeLessThanOrEqual(LAST_ID_BASE);
        expect(size).toBe(65536);
      }),
    );
  });

  it('gives the same name the same range, and the next free one when that is taken by a single id', () => {
    const first = chooseIdRange('web', []);
    expect(chooseIdRange('web', [])).toEqual(first);
    const second = chooseIdRange('web', [taken(first.base + ID_RANGE_SIZE - 1, 1)]);
    expect(second.base).toBe(first.base + ID_RANGE_SIZE);
  });

  it('wraps round at the end and finds the only free slot', () => {
    const free = FIRST_ID_BASE + 5 * ID_RANGE_SIZE;
    const others = [
      taken(FIRST_ID_BASE, free - FIRST_ID_BASE),
      taken(free + ID_RANGE_SIZE, LAST_ID_BASE - free),
    ];
    for (const name of ['a', 'b', 'c']) expect(chooseIdRange(name, others).base).toBe(free);
  });

  it('never gives two containers the same ids', () => {
    const allotted: TakenRange[] = [];
    for (let i = 0; i < 300; i++) allotted.push({ ...chooseIdRange(`c${i}`, allotted), by: `c${i}` });
    expect(new Set(allotted.map(({ base }) => base)).size).toBe(300);
  });

  it('says so when nothing is left', () => {
    expect(() => chooseIdRange('web', [taken(0, 2 ** 32)])).toThrowError(
      expect.objectContaining({ code: 'TSCT_NO_ID_RANGE', exitCode: 5 }),
    );
    expect(() => chooseIdRange('web', [taken(0, 2 ** 32)])).toThrowError(TsctError);
  });
});

describe('findConflict', () => {
  it('counts touching ranges as free and one shared id as taken', () => {
    const range = { base: 1000, size: 100 };
    expect(findConflict(range, [taken(1100, 10), taken(900, 100)])).toBeUndefined();
    expect(findConflict(range, [taken(1099, 10)])).toBeDefined();
    expect(findConflict(range, [taken(901, 100)])).toBeDefined();
  });
});

describe('readers', () => {
  const dirs: string[] = [];
  afterEach(() => {
    for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
  });

  it('reads subordinate ids of other users, not of root, and survives junk', () => {
    const text =
      'root:100000:1000000000\n0:5:6\nalice:165536:65536\n# bob:1:1\nbad:x:y\n\0\n1000:231072:65536\n';
    expect(parseSubordinateIds(text, '/etc/subuid')).toEqual([
      { base: 165536, size: 65536, by: '/etc/subuid: alice' },
      { base: 231072, size: 65536, by: '/etc/subuid: 1000' },
    ]);
  });

  it('reads users and groups', () => {
    expect(parseAccounts('root:x:0:0::/:/bin/sh\nbig:x:600000:600000::/:/bin/sh\n+::::::\n', 'p')).toEqual([
      { base: 0, size: 1, by: 'p: root' },
      { base: 600000, size: 1, by: 'p: big' },
    ]);
  });

  it('joins every source, and missing ones are empty', () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsct-ids-'));
    dirs.push(dir);
    mkdirSync(join(dir, 'locks'));
    writeFileSync(join(dir, 'locks', '524288'), '');
    writeFileSync(join(dir, 'locks', 'lock.tmp'), '');
    writeFileSync(join(dir, 'subuid'), 'u:1:2\n');
    writeFileSync(join(dir, 'group'), 'g:x:7:\n');
    const sources = {
      subuid: join(dir, 'subuid'),
      subgid: join(dir, 'none'),
      passwd: join(dir, 'none'),
      group: join(dir, 'group'),
      nspawnLocks: join(dir, 'locks'),
    };
    expect(readTakenRanges(sources).map(({ base, size }) => [base, size])).toEqual([
      [1, 2],
      [7, 1],
      [524288, 65536],
    ]);
    expect(readTakenRanges({ ...sources, nspawnLocks: join(dir, 'none') })).toHaveLength(2);
  });
});
