import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoopFilesystem, loopFilesystem } from '../support/loopfs.js';
import { readInside, unnamedTrees, writeInside } from '../support/stored-root.js';
import { TestRoot } from '../support/temp-root.js';

const MIB = 1 << 20;

/** What copies, and the bytes that are left for it. */
const COPYING: readonly (readonly [number, readonly string[]])[] = [
  [0, ['snapshot', 'create', 'box', 's2']],
  [0, ['clone', 'box', 'other']],
  [4 * MIB, ['snapshot', 'create', 'box', 's2']],
  [4 * MIB, ['snapshot', 'restore', 'box@s1']],
  [4 * MIB, ['clone', 'box', 'other']],
  [4 * MIB, ['clone', 'box@s1', 'other']],
];

describe.each(['overlay', 'dir'])('a full disk, driver %s', (driver) => {
  let disk: LoopFilesystem;
  let root: TestRoot;

  beforeAll(async () => {
    disk = await loopFilesystem('ext4', 64 * MIB);
    root = await TestRoot.create(disk.path);
    await root.ok(['create', 'box', '--set', `Storage.Driver=${driver}`]);
    await writeInside(root, 'box', 'root/big', 'x'.repeat(8 * MIB));
    await root.ok(['snapshot', 'create', 'box', 's1']);
    await writeInside(root, 'box', 'root/state', 'two');
    await writeInside(root, 'box', 'root/big', 'y'.repeat(8 * MIB));
  });
  afterAll(async () => {
    await root.dispose();
    await disk.dispose();
  });

  async function whenFull(
    leaveBytes: number,
    verb: readonly string[],
  ): Promise<{ exitCode: number; stderr: string }> {
    await disk.fill(leaveBytes);
    try {
      return await root.run(verb);
    } finally {
      await disk.free();
    }
  }

  // The writable tree alone has 8 MB: 4 MB are enough for every small file, not for a copy. On overlay nothing of a
  // stopped container is copied, and root's reserve is enough.
  const copying = driver === 'dir' ? COPYING : [];
  test.each(copying)('%i bytes free: %j says so and changes nothing', async (leaveBytes, verb) => {
    const { exitCode, stderr } = await whenFull(leaveBytes, verb);
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/no space left|ENOSPC/i)]);
    await root.ok(['list']);
    expect(await root.names()).toEqual(['box']);
    expect(await readInside(root, 'box', 'root/state')).toBe('two');
    expect((await root.ok(['snapshot', 'list', 'box', '--json'])).json()).toHaveLength(1);
    expect(unnamedTrees(root)).toEqual([]);
  });

  test('with a running guest: it goes on', async () => {
    await root.ok(['start', 'box']);
    const { exitCode, stderr } = await whenFull(4 * MIB, ['snapshot', 'create', 'box', 's2']);
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/no space left|ENOSPC/i)]);
    expect(await root.sh('box', 'cat /root/state')).toBe('two');
    expect(unnamedTrees(root)).toEqual([]);
    await root.ok(['stop', '--kill', 'box']);
  });
});
