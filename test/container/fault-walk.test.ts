import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { LONG } from '../support/chance.js';
import { readInside, unnamedTrees, writeInside } from '../support/stored-root.js';
import { SLOWNESS, type TestRoot, useRoot } from '../support/temp-root.js';
import { tsctOk } from '../support/tsct.js';

/** A verb, what makes it possible, and what may be true after it was killed. */
interface Walk {
  readonly verb: readonly string[];
  readonly before?: readonly (readonly string[])[];
  /** `root/state` of `box`, old or new. */
  readonly states: readonly (string | undefined)[];
  /** The containers there may be afterwards. */
  readonly names: readonly (readonly string[])[];
  /** Whose state it is, default `box`. */
  readonly of?: string;
}

const REPOSITORY = join(tmpdir(), `tsct-walk-${process.pid}.repository`);
const EXPORT = join(tmpdir(), `tsct-walk-${process.pid}.tar.zst`);
const DELTA = join(tmpdir(), `tsct-walk-${process.pid}.delta`);

const SEND_BOTH = [
  ['snapshot', 'create', 'box', 's2'],
  ['send', 'box@s1', EXPORT],
  ['send', 'box@s2', '--from', 's1', DELTA],
] as const;

const WALKS: readonly Walk[] = [
  { verb: ['create', 'other'], states: ['two'], names: [['box'], ['box', 'other']] },
  { verb: ['snapshot', 'create', 'box', 's2'], states: ['two'], names: [['box']] },
  {
    verb: ['snapshot', 'create', 'box', 's3'],
    before: [['start', 'box']],
    states: ['two'],
    names: [['box']],
  },
  { verb: ['snapshot', 'delete', 'box@s1'], states: ['two'], names: [['box']] },
  { verb: ['snapshot', 'restore', 'box@s1'], states: ['one', 'two'], names: [['box']] },
  { verb: ['snapshot', 'restore', '--discard', 'box@s1'], states: ['one', 'two'], names: [['box']] },
  { verb: ['clone', 'box', 'other'], states: ['two'], names: [['box'], ['box', 'other']] },
  { verb: ['clone', 'box@s1', 'other'], states: ['two'], names: [['box'], ['box', 'other']] },
  { verb: ['export', 'box', EXPORT], states: ['two'], names: [['box']] },
  {
    before: [['export', 'box', EXPORT]],
    verb: ['import', 'other', EXPORT],
    states: ['two'],
    names: [['box'], ['box', 'other']],
  },
  { verb: ['send', 'box@s1', EXPORT], states: ['two'], names: [['box']] },
  {
    before: SEND_BOTH,
    verb: ['receive', 'other', EXPORT],
    states: ['one'],
    names: [['box'], ['box', 'other']],
    of: 'other',
  },
  {
    before: [...SEND_BOTH, ['receive', 'other', EXPORT]],
    verb: ['receive', '--restore', 'other', DELTA],
    states: ['one', 'two'],
    names: [['box', 'other']],
    of: 'other',
  },
  { verb: ['backup', 'create', 'box', '--repo', REPOSITORY], states: ['two'], names: [['box']] },
  {
    before: [['backup', 'create', 'box', '--repo', REPOSITORY]],
    verb: ['backup', 'restore', 'box', '--repo', REPOSITORY, '--as', 'other'],
    states: ['two'],
    names: [['box'], ['box', 'other']],
  },
  { before: [['start', 'box']], verb: ['port', 'add', 'box', '19490:80'], states: ['two'], names: [['box']] },
  { verb: ['destroy', 'box'], states: [undefined, 'two'], names: [['box'], []] },
];

/** Where what is asked costs no boot and no repository: for the drivers that do the same in another way. */
const FEW = WALKS.filter(({ verb }) => /^(snapshot (create|delete)|clone box |receive)/.test(verb.join(' ')));

const all = (await tsctOk(['fault-points', '--json'])).json<string[]>();
const reached = new Set<string>();

describe.each([
  ['overlay', 'ext4', WALKS],
  ['dir', 'ext4', LONG ? WALKS.filter(({ verb }) => verb[0] !== 'backup') : FEW],
  ['btrfs', 'btrfs', FEW],
] as const)('driver %s on %s', (driver, fileSystem, walks) => {
  const root = useRoot(fileSystem);

  test.each(walks)('$verb', { timeout: 180_000 * SLOWNESS }, async (walk) => {
    await prepare(root, driver, walk.before);
    const points = await pointsOf(root, walk.verb);
    expect(points.length).toBeGreaterThan(0);
    for (const point of points) {
      await root.destroyAllBut([]);
      await prepare(root, driver, walk.before);
      const { exitCode } = await root.run(walk.verb, { env: { TSCT_FAULT: point } });
      // A native program that is killed is a failure of the verb, which undoes what it did; one that is killed at
      // sweeping, after the container has gone, is a warning. Subvolumes are made by tsct-copy, or by tsct itself.
      const native = /^(copy|remove|subvolume)\./.test(point);
      const own = !native || point.startsWith('subvolume.');
      expect([...(native ? [0, 1] : []), ...(own ? [137] : [])], `killed at ${point}`).toContain(exitCode);
      reached.add(point);
      await checkWhole(root, walk, point);
    }
  });
});

describe('volumes', () => {
  const root = useRoot('ext4');

  test('whole or not there, and nothing of the other half', async () => {
    const volumes = async () => {
      await root.ok(['list']);
      const names = (await root.ok(['volume', 'list', '--json']))
        .json<{ name: string }[]>()
        .map((v) => v.name);
      expect(await readdir(root.layout.volumesDir)).toEqual(names);
      return names;
    };
    for (const [point, done, ...verb] of [
      ['volume.filled', '', 'create', 'data'],
      ['', 'data', 'create', 'data'],
      ['volume.filled', 'data', 'snapshot', 'data', 's'],
      ['volume.doomed', '', 'destroy', 'data'],
    ] as const) {
      const { exitCode } = await root.run(['volume', ...verb], { env: point ? { TSCT_FAULT: point } : {} });
      expect(exitCode, `${verb.join(' ')} at ${point}`).toBe(point ? 137 : 0);
      expect((await volumes()).join(), `${verb.join(' ')} at ${point}`).toBe(done);
      if (point) reached.add(point);
    }
  });
});

async function prepare(root: TestRoot, driver: string, before: Walk['before'] = []): Promise<void> {
  await root.ok(['create', 'box', '--set', `Storage.Driver=${driver}`]);
  await writeInside(root, 'box', 'root/state', 'one');
  await root.ok(['snapshot', 'create', 'box', 's1']);
  await writeInside(root, 'box', 'root/state', 'two');
  await root.ok(['config', 'set', 'box', 'Exec.Hostname=two']);
  for (const words of before) await root.ok(words);
}

/** The points that a verb comes by, from a run that does come to its end. */
async function pointsOf(root: TestRoot, verb: readonly string[]): Promise<string[]> {
  const log = join(root.path, '.points');
  await root.ok(verb, { env: { TSCT_FAULT_LOG: log } });
  const points = (await readFile(log, 'utf8')).split('\n').filter(Boolean);
  await rm(log);
  return [...new Set(points)];
}

/** Whatever command comes next makes it whole: old or new, and nothing leaks. */
async function checkWhole(
  root: TestRoot,
  { verb, states, names, of = 'box' }: Walk,
  point: string,
): Promise<void> {
  await root.ok(['list']);
  const there = (await root.ok(['list', '-q'])).stdout.split('\n').filter(Boolean);
  expect(names, point).toContainEqual(there);
  expect(unnamedTrees(root), `nothing leaks after ${point}`).toEqual([]);
  if (!there.includes(of)) return;
  const state = await readInside(root, of, 'root/state');
  expect(states, point).toContain(state);
  // Root and config are of one moment.
  const host = (await root.ok(['config', 'get', of, 'Exec.Hostname'])).stdout.trim();
  expect(host, point).toBe(state === 'one' ? '' : 'two');
  const kept = (await root.ok(['snapshot', 'list', of, '--json'])).json<{ snapshot: string }[]>();
  for (const { snapshot } of kept) {
    const content = await readInside(root, `${of}@${snapshot}`, 'root/state');
    const old = snapshot === 's1' || (of === 'other' && snapshot.startsWith('before-restore'));
    expect(content, `${snapshot} after ${point}`).toBe(old ? 'one' : 'two');
  }
  if (of === 'box' && state === 'one' && !verb.includes('--discard'))
    expect(kept.length, 'the state before').toBe(2);
}

afterAll(async () => {
  await rm(EXPORT, { force: true });
  await rm(DELTA, { force: true });
  await rm(REPOSITORY, { recursive: true, force: true });
  expect(
    // Those of volumes need LVM: test/vm/lvm-thin.test.ts walks them.
    all.filter((point) => !reached.has(point) && !point.startsWith('thin.')),
    'fault points that no walk has come to',
  ).toEqual([]);
});
