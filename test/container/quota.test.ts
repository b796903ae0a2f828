import { execa } from 'execa';
import { expect, onTestFinished } from 'vitest';
import { type LoopFilesystem, loopFilesystem } from '../support/loopfs.js';
import { noFilesystem, noProgram, noRoot, type Reason, testNeeding } from '../support/requires.js';
import { SLOWNESS, TestRoot } from '../support/temp-root.js';

const MIB = 1024 * 1024;
const it = testNeeding(noRoot());

async function rootOn(disk: LoopFilesystem): Promise<TestRoot> {
  onTestFinished(() => disk.dispose());
  const root = await TestRoot.create(disk.path);
  onTestFinished(() => root.dispose()); // runs first: the last hook made is the first to run
  return root;
}

const MKFS = { ext4: ['-O', 'project,quota'], xfs: [] } as const;
const withQuotas = (type: 'ext4' | 'xfs') =>
  loopFilesystem(type, 400 * MIB, { mkfs: MKFS[type], mount: 'prjquota' });

/** Whether this kernel can be told to keep project quotas. */
async function noProjectQuota(type: 'ext4' | 'xfs'): Promise<Reason> {
  try {
    await (await withQuotas(type)).dispose();
    return undefined;
  } catch {
    return `this kernel has no project quotas on ${type}`;
  }
}

/** Writes as much as it is let: how many MiB that is. */
const fillUp = async (root: TestRoot, name: string, path = '/root/big') =>
  Number(
    await root.sh(name, `dd if=/dev/zero of=${path} bs=1M count=60 2>/dev/null; sync; stat -c %s ${path}`),
  ) / MIB;

for (const type of ['ext4', 'xfs'] as const) {
  testNeeding(noRoot(), noFilesystem(type))(
    `${type} without project quotas: exit 5 with the commands that mend it, and it does not start`,
    async () => {
      const disk = await loopFilesystem(type, 400 * MIB);
      const root = await rootOn(disk);
      await root.ok(['create', 'box', '--template', 'busybox', '--set', 'Storage.SizeMax=16M']);
      const started = await root.run(['start', 'box']);
      expect(started.exitCode).toBe(5);
      expect(started.stderr).toMatch(/cannot limit the size of box .*mounted without project quotas/);
      const mend = type === 'ext4' ? 'tune2fs -O project,quota /dev/loop\\d+ && ' : '';
      expect(started.stderr).toMatch(
        new RegExp(
          `umount ${disk.path} && ${mend}mount -o prjquota /dev/loop\\d+ ${disk.path}; and prjquota`,
        ),
      );
      expect((await root.ok(['list', '--json'])).json()).toMatchObject([{ name: 'box', state: 'stopped' }]);
      await root.ok(['config', 'unset', 'box', 'Storage.SizeMax']);
      await root.ok(['start', 'box']);
    },
  );

  const reason = await noProjectQuota(type);
  for (const driver of ['overlay', 'dir']) {
    testNeeding(
      noRoot(),
      noFilesystem(type),
      reason,
    )(
      `${type}, ${driver}: a root gets no larger, whatever it held before; other containers, and without the limit, do`,
      async () => {
        const root = await rootOn(await withQuotas(type));
        const create = (name: string) => [
          'create',
          name,
          '--template',
          'busybox',
          '--set',
          `Storage.Driver=${driver}`,
        ];
        await root.ok([...create('box'), '--start']);
        await root.sh(
          'box',
          'cd /root; mkdir d; ln -s x d/link; mkfifo d/pipe; echo x >d/file; ln d/file d/twin',
        );
        await root.ok(['stop', 'box']);
        await root.ok(['config', 'set', 'box', 'Storage.SizeMax=16M']);
        await root.ok(['start', 'box']);
        const size = await fillUp(root, 'box');
        expect(size).toBeGreaterThan(8);
        expect(size).toBeLessThan(16.1);
        // What was there belongs to the same project: a rename within it is no EXDEV.
        expect(
          await root.sh(
            'box',
            'cd /root; for f in link pipe file twin; do mv d/$f $f; done; readlink link; stat -c %h twin',
          ),
        ).toBe('x\n2');
        await root.ok([...create('free'), '--start']);
        expect(await fillUp(root, 'free')).toBe(60);
        await root.ok(['stop', 'box']);
        await root.ok(['config', 'unset', 'box', 'Storage.SizeMax']);
        await root.ok(['start', 'box']);
        expect(await fillUp(root, 'box')).toBe(60);
      },
    );
  }

  testNeeding(
    noRoot(),
    noFilesystem(type),
    reason,
  )(`${type}: an ephemeral run is limited as well, and guest root cannot leave its project`, async () => {
    const root = await rootOn(await withQuotas(type));
    await root.ok(['create', 'box', '--template', 'busybox', '--set', 'Storage.SizeMax=16M']);
    await root.ok(['start', 'box', '--ephemeral']);
    expect(await fillUp(root, 'box')).toBeLessThan(16.1);
    await root.sh('box', 'rm /root/big; chattr -p 0 /root 2>/dev/null; true');
    expect(await fillUp(root, 'box')).toBeLessThan(16.1);
  });
}

it('in memory: what Volatile= may take', async () => {
  const root = await rootOn(await loopFilesystem('ext4', 200 * MIB));
  const storage = (volatile: string) => [
    '--set',
    `Storage.Volatile=${volatile}`,
    '--set',
    'Storage.SizeMax=16M',
  ];
  await root.ok(['create', 'box', '--template', 'busybox', ...storage('overlay'), '--start']);
  expect(await fillUp(root, 'box')).toBeLessThan(16.1);
  await root.ok(['create', 'var', '--template', 'busybox', ...storage('state'), '--start']);
  expect(await fillUp(root, 'var', '/var/big')).toBeLessThan(16.1);
});

testNeeding(noRoot(), noFilesystem('btrfs'))(
  'btrfs: a tree that is no subvolume cannot be limited: exit 5',
  async () => {
    const root = await rootOn(await loopFilesystem('btrfs', 300 * MIB));
    const driver = ['--set', 'Storage.Driver=overlay'];
    await root.ok(['create', 'box', '--template', 'busybox', ...driver, '--set', 'Storage.SizeMax=16M']);
    const started = await root.run(['start', 'box']);
    expect([started.exitCode, started.stderr]).toEqual([
      5,
      expect.stringMatching(/no subvolume[\s\S]*Driver=btrfs/),
    ]);
  },
);

testNeeding(noRoot(), noFilesystem('btrfs'))(
  'btrfs: a subvolume gets no larger; quotas that are off: exit 5 with the command that turns them on',
  async () => {
    const disk = await loopFilesystem('btrfs', 400 * MIB);
    const root = await rootOn(disk);
    const driver = ['--set', 'Storage.Driver=btrfs'];
    await root.ok(['create', 'box', '--template', 'busybox', ...driver, '--set', 'Storage.SizeMax=20M']);
    // Again and again: init is cloned by then, and may end before or after the supervisor has heard of it.
    for (let tries = 0; tries < 15; tries++) {
      const started = await root.run(['start', 'box'], { timeoutMs: 20_000 * SLOWNESS });
      expect([started.exitCode, started.stderr]).toEqual([
        5,
        expect.stringMatching(`btrfs quota enable ${root.path}\n`),
      ]);
    }
    await execa('btrfs', ['quota', 'enable', root.path]);
    await root.ok(['start', 'box']);
    const size = await fillUp(root, 'box');
    expect(size).toBeGreaterThan(8);
    expect(size).toBeLessThan(20.1);
    await root.ok(['stop', 'box']);
    // A restored root is another subvolume: it has the limit from its first start on.
    await root.ok(['snapshot', 'create', 'box', 's']);
    await root.ok(['snapshot', 'restore', 'box@s']);
    await root.ok(['start', 'box']);
    await root.sh('box', 'rm /root/big');
    expect(await fillUp(root, 'box')).toBeLessThan(20.1);
    await root.ok(['stop', 'box']);
    const ephemeral = await root.run(['start', 'box', '--ephemeral']);
    expect([ephemeral.exitCode, ephemeral.stderr]).toEqual([5, expect.stringMatching(/without --ephemeral/)]);
    await root.ok(['config', 'unset', 'box', 'Storage.SizeMax']);
    await root.ok(['start', 'box']);
    expect(await fillUp(root, 'box')).toBe(60);
  },
);

it('info: what the root takes, what of that is its own, who shares it, and the limit', async () => {
  interface Storage {
    readonly usedBytes: number;
    readonly exclusiveBytes: number;
    readonly limitBytes: number | null;
    readonly sharedWith: readonly string[];
  }
  const root = await rootOn(await loopFilesystem('ext4', 200 * MIB));
  const storage = async (name: string) =>
    (await root.ok(['info', name, '--json'])).json<{ storage: Storage }>().storage;
  for (const driver of ['overlay', 'dir']) {
    await root.ok([
      'create',
      driver,
      '--template',
      'busybox',
      '--set',
      `Storage.Driver=${driver}`,
      '--start',
    ]);
    const before = await storage(driver);
    await root.sh(driver, 'dd if=/dev/zero of=/root/big bs=1M count=8 2>/dev/null; sync');
    const after = await storage(driver);
    expect(after).toMatchObject({ driver, limitBytes: null, sharedWith: [] });
    for (const key of ['usedBytes', 'exclusiveBytes'] as const) {
      expect((after[key] - before[key]) / MIB).toBeCloseTo(8, 0);
    }
    await root.ok(['stop', driver]);
  }
  // The image's layer is nobody's own; the copy of driver dir is.
  expect((await storage('overlay')).usedBytes - (await storage('overlay')).exclusiveBytes).toBeGreaterThan(
    0.5 * MIB,
  );
  expect((await storage('dir')).usedBytes).toBe((await storage('dir')).exclusiveBytes);
  await root.ok(['clone', 'overlay', 'twin']);
  expect((await storage('overlay')).sharedWith).toEqual(['twin']);
  expect((await storage('twin')).sharedWith).toEqual(['overlay']);
  expect((await storage('overlay')).exclusiveBytes).toBeLessThan(MIB);
  expect((await root.ok(['info', 'twin'])).stdout).toMatch(
    /Storage: +[\d.]+ MiB used, .* its own, shared with overlay/,
  );
  await root.ok(['destroy', 'twin']);
  expect((await storage('overlay')).exclusiveBytes).toBeGreaterThan(8 * MIB);
  await root.ok(['config', 'set', 'overlay', 'Storage.SizeMax=16M', 'Storage.Volatile=overlay']);
  await root.ok(['start', 'overlay']);
  expect((await storage('overlay')).limitBytes).toBe(16 * MIB);
});

testNeeding(
  noRoot(),
  noFilesystem('btrfs'),
  noProgram('btrfs'),
)('info on btrfs: what blocks no other tree has', async () => {
  const root = await rootOn(await loopFilesystem('btrfs', 400 * MIB));
  const storage = async () =>
    (await root.ok(['info', 'box', '--json'])).json<{
      storage: { usedBytes: number; exclusiveBytes: number };
    }>().storage;
  await root.ok(['create', 'box', '--template', 'busybox', '--set', 'Storage.Driver=btrfs', '--start']);
  await root.sh('box', 'dd if=/dev/zero of=/root/big bs=1M count=8 2>/dev/null; sync');
  const alone = await storage();
  expect(alone.usedBytes).toBeGreaterThan(8 * MIB);
  expect(alone.exclusiveBytes).toBeGreaterThan(7.9 * MIB);
  await root.ok(['snapshot', 'create', 'box', 's']);
  const shared = await storage();
  expect(shared.usedBytes).toBeGreaterThan(8 * MIB);
  expect(shared.exclusiveBytes).toBeLessThan(MIB);
});
