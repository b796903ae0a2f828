import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

export interface LoopFilesystem {
  /** Where it is mounted. */
  readonly path: string;
  remount(option: 'ro' | 'rw'): Promise<void>;
  /** Takes all free space but `leaveBytes`, in a file named `filler`. */
  fill(leaveBytes?: number): Promise<void>;
  /** Gives that space back. */
  free(): Promise<void>;
  /** Unmounts it and takes it away. */
  dispose(): Promise<void>;
}

/** Smallest that mkfs.xfs makes. */
const XFS_BYTES_MIN = 300 * 1024 * 1024;

/**
 * A fresh file system of its own in a sparse file: for tests of a full disk, of a read-only state root, of what one
 * kind of file system can do.
 */
export async function loopFilesystem(
  type: 'ext4' | 'btrfs' | 'xfs',
  sizeBytes: number,
  options: { readonly mkfs?: readonly string[]; readonly mount?: string } = {},
): Promise<LoopFilesystem> {
  const home = await mkdtemp(join(process.env['TSCT_TEST_DIR'] ?? tmpdir(), 'tsct-loop-'));
  const image = join(home, 'image');
  const path = join(home, 'mnt');
  await mkdir(path);
  const file = await open(image, 'w');
  await file.truncate(type === 'xfs' ? Math.max(sizeBytes, XFS_BYTES_MIN) : sizeBytes);
  await file.close();
  await execa(`mkfs.${type}`, ['-q', ...(options.mkfs ?? []), image]);
  const words = ['loop', ...(options.mount === undefined ? [] : [options.mount])];
  try {
    await execa('mount', ['-o', words.join(), image, path]);
  } catch (error) {
    await rm(home, { recursive: true });
    throw error;
  }
  return {
    path,
    remount: async (option) => void (await execa('mount', ['-o', `remount,${option}`, path])),
    fill: (leaveBytes = 0) => fill(path, leaveBytes),
    free: () => rm(join(path, 'filler')),
    dispose: async () => {
      await execa('umount', [path]);
      await rm(home, { recursive: true });
    },
  };
}

async function fill(path: string, leaveBytes: number): Promise<void> {
  const { stdout } = await execa('df', ['--output=avail', '-B1', path]);
  const freeBytes = Number(stdout.split('\n')[1]);
  const takeBytes = Math.max(0, freeBytes - leaveBytes);
  await execa('fallocate', ['-l', String(takeBytes), join(path, 'filler')]);
}
