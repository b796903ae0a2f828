import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readInside, unnamedTrees } from '../support/stored-root.js';
import { until, useRoot } from '../support/temp-root.js';

interface Taken {
  readonly snapshot: string;
  readonly running: boolean;
  readonly frozenMs: number;
  readonly copiedBytes: number;
}

describe.each([
  ['overlay', 'ext4'],
  ['dir', 'ext4'],
  ['reflink', 'xfs'],
  ['btrfs', 'btrfs'],
] as const)('driver %s on %s', (driver, fileSystem) => {
  const root = useRoot(fileSystem);
  const take = async (...args: string[]) =>
    (await root.ok(['snapshot', 'create', 'box', '--json', ...args])).json<Taken>();

  beforeAll(async () => {
    await root.ok(['create', 'box', '--set', `Storage.Driver=${driver}`]);
    await root.ok(['start', '--wait', 'box']); // its getty is there: nothing new comes by itself
  });

  afterEach(async () => {
    for (const { snapshot } of (await root.ok(['snapshot', 'list', 'box', '--json'])).json<Taken[]>())
      await root.ok(['snapshot', 'delete', `box@${snapshot}`]);
    expect(unnamedTrees(root)).toEqual([]);
  });

  test('it goes on running, and the snapshot has what was there at the moment that it stood still', async () => {
    await root.sh('box', 'echo one >/root/state');
    const taken = await take('s1');
    expect(taken.running).toBe(true);
    expect(taken.frozenMs).toBeGreaterThan(0);
    await root.sh('box', 'echo two >/root/state');
    expect(await readInside(root, 'box@s1', 'root/state')).toBe('one\n');
    expect((await root.ok(['info', 'box', '--json'])).json<{ state: string }>().state).toBe('running');
    await root.ok(['clone', 'box@s1', 'old']);
    await root.ok(['clone', 'box', 'new']);
    await root.ok(['start', 'old', 'new']);
    expect(await root.sh('old', 'cat /root/state')).toBe('one');
    expect(await root.sh('new', 'cat /root/state')).toBe('two');
  });

  test('hooks run inside, right before and right after; one that fails stops it', async () => {
    await take('s1', '--freeze-hook', 'echo flushed >/root/hook', '--thaw-hook', 'echo thawed >/root/hook');
    expect(await readInside(root, 'box@s1', 'root/hook')).toBe('flushed\n');
    expect(await root.sh('box', 'cat /root/hook')).toBe('thawed');
    const failed = await root.run([
      'snapshot',
      'create',
      'box',
      's2',
      '--freeze-hook',
      'echo no >&2; exit 3',
    ]);
    expect([failed.exitCode, failed.stderr]).toEqual([1, expect.stringMatching(/freeze hook.*no/s)]);
    expect((await root.run(['snapshot', 'delete', 'box@s2'])).exitCode).toBe(3);
  });

  test('killed while it stands still, it goes on', async () => {
    const { exitCode } = await root.run(['snapshot', 'create', 'box', 's1'], {
      env: { TSCT_FAULT: 'snapshot.frozen' },
    });
    expect(exitCode).toBe(137);
    expect(await root.sh('box', 'echo on')).toBe('on');
    await root.ok(['list']);
    expect(unnamedTrees(root)).toEqual([]);
  });

  test('an admin who freezes it finds it frozen afterwards', async () => {
    await root.ok(['freeze', 'box']);
    await take('s1');
    expect((await root.ok(['info', 'box', '--json'])).json<{ state: string }>().state).toBe('frozen');
    await root.ok(['thaw', 'box']);
    expect(await root.sh('box', 'echo on')).toBe('on');
  });

  test('two at once, and one beside a destroy: each is whole or refused', async () => {
    const both = await Promise.all(['s1', 's2'].map((name) => root.run(['snapshot', 'create', 'box', name])));
    expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    await root.ok(['clone', 'box', 'other']);
    const [taken, destroyed] = await Promise.all([
      root.run(['snapshot', 'create', 'other', 's1']),
      root.run(['destroy', 'other']),
    ]);
    expect(destroyed.exitCode).toBe(0);
    expect([0, 3]).toContain(taken.exitCode);
    await until('nothing leaks', () => unnamedTrees(root).length === 0);
  });
});
