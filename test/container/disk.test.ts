import { expect, onTestFinished, test } from 'vitest';
import { loopFilesystem } from '../support/loopfs.js';
import { noFilesystem, testNeeding } from '../support/requires.js';
import { TestRoot } from '../support/temp-root.js';

const MIB = 1024 * 1024;
const GUEST_BYTES = 64 * MIB;

async function rootOn(type: 'ext4' | 'btrfs' | 'xfs', sizeBytes: number) {
  const disk = await loopFilesystem(type, sizeBytes);
  onTestFinished(() => disk.dispose());
  const root = await TestRoot.create(disk.path);
  onTestFinished(() => root.dispose()); // runs first: the last hook made is the first to run
  return { disk, root };
}

test('a full disk: create says so, changes nothing, and works once there is room', async () => {
  const { disk, root } = await rootOn('ext4', GUEST_BYTES);
  await disk.fill(256 * 1024);
  const before = root.traces();
  const full = await root.run(['create', 'one', '--template', 'busybox']);
  expect(full.exitCode).toBe(1);
  expect(full.stderr).toMatch(/^Error: cannot .*no space left/is);
  expect((await root.ok(['list', '-q'])).stdout).toBe('');
  expect([...root.traces()].filter((trace) => !before.has(trace))).toEqual([]);

  await disk.free();
  await root.ok(['create', 'one', '--template', 'busybox', '--start']);
});

test('a read-only state root: list works, create and start say why they do not', async () => {
  const { disk, root } = await rootOn('ext4', GUEST_BYTES);
  await root.ok(['create', 'one', '--template', 'busybox']);
  await disk.remount('ro');
  onTestFinished(() => disk.remount('rw'));
  expect((await root.ok(['list', '-q'])).stdout).toBe('one\n');
  for (const args of [
    ['create', 'two', '--template', 'busybox'],
    ['start', 'one'],
    ['destroy', 'one'],
  ]) {
    const refused = await root.run(args);
    expect(refused.exitCode, args.join(' ')).toBeGreaterThan(0);
    expect(refused.stderr, args.join(' ')).toMatch(/read-only|EROFS/i);
  }
  await disk.remount('rw');
  await root.ok(['start', 'one']);
});

for (const type of ['ext4', 'btrfs', 'xfs'] as const) {
  testNeeding(noFilesystem(type))(`a container lives on ${type}`, async () => {
    const { root } = await rootOn(type, 256 * MIB);
    await root.ok(['create', 'one', '--template', 'busybox', '--start']);
    expect(
      await root.sh('one', 'echo kept >/root/file; chown 7:8 /root/file; stat -c %u:%g /root/file'),
    ).toBe('7:8');
    await root.ok(['restart', 'one']);
    expect(await root.sh('one', 'cat /root/file')).toBe('kept');
  });
}
