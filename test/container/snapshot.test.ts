import { beforeEach, describe, expect, test } from 'vitest';
import { growStack, readInside, stackOf, unnamedTrees, writeInside } from '../support/stored-root.js';
import { useRoot } from '../support/temp-root.js';

interface Taken {
  readonly snapshot: string;
  readonly running: boolean;
  readonly copiedBytes: number;
}

/** Not said: what tsct chooses there. */
const DRIVERS = {
  ext4: ['overlay', 'dir'],
  xfs: [undefined, 'reflink'],
  btrfs: [undefined, 'overlay'],
} as const;

describe.each(['ext4', 'xfs', 'btrfs'] as const)('on %s', (fileSystem) => {
  describe.each(DRIVERS[fileSystem])('driver %s', (driver) => {
    const root = useRoot(fileSystem);
    const snapshots = async (name = 'box') =>
      (await root.ok(['snapshot', 'list', name, '--json'])).json<(Taken & { readonly by: string })[]>();

    beforeEach(async () => {
      await root.ok([
        'create',
        'box',
        ...(driver === undefined ? [] : ['--set', `Storage.Driver=${driver}`]),
      ]);
      await writeInside(root, 'box', 'root/state', 'one');
    });

    test('a snapshot keeps root and config, and restore brings both back', async () => {
      const { stdout } = await root.ok(['snapshot', 'create', 'box', 's1']);
      expect(stdout).toBe('box@s1\n');
      await root.ok(['config', 'set', 'box', 'Exec.Hostname=changed']);
      await writeInside(root, 'box', 'root/state', 'two');
      const restored = (await root.ok(['snapshot', 'restore', 'box@s1', '--json'])).json<{ kept: string }>();
      expect(await readInside(root, 'box', 'root/state')).toBe('one');
      expect((await root.ok(['config', 'get', 'box', 'Exec.Hostname'])).stdout.trim()).toBe('');
      // What was there before is a snapshot itself: nothing is lost by a restore.
      expect(await readInside(root, `box@${restored.kept}`, 'root/state')).toBe('two');
      await root.ok(['snapshot', 'restore', `box@${restored.kept}`, '--discard']);
      expect(await readInside(root, 'box', 'root/state')).toBe('two');
      expect((await root.ok(['config', 'get', 'box', 'Exec.Hostname'])).stdout.trim()).toBe('changed');
      expect((await snapshots()).map(({ snapshot, by }) => [snapshot, by])).toEqual([
        ['s1', 'manual'],
        [restored.kept, 'restore'],
      ]);
      expect(unnamedTrees(root)).toEqual([]);
    });

    test('the driver is what suits the file system', async () => {
      const { root: about } = (await root.ok(['info', 'box', '--json'])).json<{ root: { driver: string } }>();
      expect(about.driver).toBe(driver ?? { ext4: 'overlay', xfs: 'overlay', btrfs: 'btrfs' }[fileSystem]);
    });

    test('a restored container boots with what the snapshot had', async () => {
      await root.ok(['snapshot', 'create', 'box', 's1']);
      await root.ok(['start', 'box']);
      await root.sh('box', 'echo two > /root/state; rm /etc/passwd; mkdir /srv/new');
      const running = await root.run(['snapshot', 'restore', 'box@s1']);
      expect(running.exitCode).toBe(4);
      expect(running.stderr).toContain('--stop');
      await root.ok(['snapshot', 'restore', '--stop', 'box@s1']);
      await root.ok(['start', 'box']);
      expect(await root.sh('box', 'cat /root/state; ls /etc/passwd; ls /srv')).toBe('one/etc/passwd');
    });

    test('diff tells what was added, changed and deleted', async () => {
      await writeInside(root, 'box', 'root/gone', 'x');
      await root.ok(['snapshot', 'create', 'box', 's1']);
      await root.ok(['start', 'box']);
      await root.sh('box', 'echo two >/root/state; rm /root/gone; mkdir /root/dir; echo x >"/root/dir/a b"');
      await root.ok(['stop', '--kill', 'box']);
      const changes = async (...args: string[]) =>
        (await root.ok(['snapshot', 'diff', 'box@s1', '--json', ...args]))
          .json<{ path: string; change: string }[]>()
          .filter(({ path }) => path.startsWith('/root/'))
          .map(({ path, change }) => `${change} ${path}`);
      const since = ['added /root/dir', 'added /root/dir/a b', 'deleted /root/gone', 'changed /root/state'];
      expect(await changes()).toEqual(since);
      await root.ok(['snapshot', 'create', 'box', 's2']);
      expect(await changes('--with', 's2')).toEqual(since);
      expect(await changes('--with', 's1')).toEqual([]);
      expect((await root.ok(['snapshot', 'diff', 'box@s1'])).stdout).toContain('+ /root/dir/a b\n');
      const base = await root.run(['snapshot', 'diff', 'box@s1', '--base', '--json']);
      const { root: about } = (await root.ok(['info', 'box', '--json'])).json<{ root: { driver: string } }>();
      if (about.driver !== 'overlay') return expect(base.exitCode).toBe(4);
      expect(base.json<{ path: string }[]>().map(({ path }) => path)).toContain('/root/state');
    });

    test('deleting snapshots gives back what only they needed', async () => {
      await root.ok(['snapshot', 'create', 'box', 's1']);
      await writeInside(root, 'box', 'root/state', 'two');
      await root.ok(['snapshot', 'create', 'box', 's2']);
      await root.ok(['snapshot', 'rename', 'box@s2', 'good']);
      await root.ok(['snapshot', 'delete', 'box@s1', 'box@good']);
      expect(await snapshots()).toEqual([]);
      expect(await readInside(root, 'box', 'root/state')).toBe('two');
      expect(unnamedTrees(root)).toEqual([]);
    });

    test('a clone is another machine, and outlives its source', async () => {
      await root.ok(['snapshot', 'create', 'box', 's1']);
      await writeInside(root, 'box', 'root/state', 'two');
      await root.ok(['clone', 'box@s1', 'old']);
      await root.ok(['clone', 'box', 'new']);
      await root.ok(['destroy', 'box']);
      expect(await readInside(root, 'old', 'root/state')).toBe('one');
      expect(await readInside(root, 'new', 'root/state')).toBe('two');
      await root.ok(['start', 'old', 'new']);
      expect(await root.sh('old', 'cat /root/state /etc/hostname')).toBe('oneold');
      const ids = await Promise.all(['old', 'new'].map((name) => root.sh(name, 'cat /etc/machine-id')));
      expect(new Set(ids).size).toBe(2);
      await root.ok(['destroy', '--force', 'old', 'new']);
      expect(unnamedTrees(root)).toEqual([]);
    });
  });
});

describe('refused, with nothing changed', () => {
  const root = useRoot();

  beforeEach(async () => {
    await root.ok(['create', 'box']);
    await root.ok(['snapshot', 'create', 'box', 's1']);
  });

  test.each([
    [['snapshot', 'create', 'none'], 3, 'no container none'],
    [['snapshot', 'create', 'box', 's1'], 4, 'there is a snapshot box@s1 already'],
    [['snapshot', 'create', 'box', '../s2'], 2, 'not a name for a snapshot'],
    [['snapshot', 'create', 'box', '.hidden'], 2, 'not a name for a snapshot'],
    [['snapshot', 'restore', 'box@s2'], 3, 'no snapshot box@s2'],
    [['snapshot', 'restore', 'box'], 2, 'names no snapshot'],
    [['snapshot', 'restore', 'box@../current'], 2, 'not a name for a snapshot'],
    [['snapshot', 'delete', 'box@s2'], 3, 'no snapshot box@s2'],
    [['snapshot', 'rename', 'box@s1', 's1'], 4, 'already'],
    [['clone', 'box@s2', 'other'], 3, 'no snapshot box@s2'],
    [['clone', 'box', 'box'], 4, 'there is a container box already'],
    [['clone', 'none', 'other'], 3, 'no container none'],
  ])('%j', async (args, exitCode, message) => {
    const result = await root.run(args);
    expect([result.exitCode, result.stderr]).toEqual([exitCode, expect.stringContaining(message)]);
    expect(await root.names()).toEqual(['box']);
    expect((await root.ok(['snapshot', 'list', 'box', '--json'])).json()).toHaveLength(1);
    expect(unnamedTrees(root)).toEqual([]);
  });
});

describe('a stack of many layers', () => {
  const root = useRoot();

  test('is mounted whole, and made one layer by the snapshot that would make it too high', async () => {
    await root.ok(['create', 'box']);
    for (let n = 0; n < 59; n++) {
      await writeInside(root, 'box', `srv/${n}`, String(n));
      await growStack(root, 'box');
    }
    expect((await stackOf(root, 'box')).layers).toHaveLength(60);
    await root.ok(['start', 'box']);
    expect(await root.sh('box', 'ls /srv | wc -l; rm /srv/7; echo new >/srv/8')).toBe('59');
    await root.ok(['stop', 'box']);
    await root.ok(['snapshot', 'create', 'box', 'high']);
    expect((await stackOf(root, 'box@high')).layers).toHaveLength(1);
    expect((await stackOf(root, 'box')).layers).toHaveLength(1);
    await root.ok(['start', 'box']);
    expect(await root.sh('box', 'ls /srv | wc -l; cat /srv/8 /srv/58')).toBe('58\nnew\n58');
  });
});
