import { expect, onTestFinished } from 'vitest';
import { loopFilesystem } from '../support/loopfs.js';
import { noFilesystem, testNeeding } from '../support/requires.js';
import { TestRoot } from '../support/temp-root.js';

const MIB = 1024 * 1024;

async function rootOn(type: 'ext4' | 'btrfs' | 'xfs', sizeBytes: number) {
  const disk = await loopFilesystem(type, sizeBytes);
  onTestFinished(() => disk.dispose());
  const root = await TestRoot.create(disk.path);
  onTestFinished(() => root.dispose()); // runs first: the last hook made is the first to run
  return root;
}

for (const type of ['ext4', 'btrfs', 'xfs'] as const) {
  testNeeding(noFilesystem(type))(`a container lives on ${type}`, async () => {
    const root = await rootOn(type, 256 * MIB);
    await root.ok(['create', 'one', '--template', 'busybox', '--start']);
    expect(
      await root.sh('one', 'echo kept >/root/file; chown 7:8 /root/file; stat -c %u:%g /root/file'),
    ).toBe('7:8');
    await root.ok(['restart', 'one']);
    expect(await root.sh('one', 'cat /root/file')).toBe('kept');
  });
}
