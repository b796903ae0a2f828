import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Lxc, Tsct } from './managers.js';
import { run, timed } from './measure.js';
import { DEBIAN, put, type Results } from './operations.js';

/** Where a driver is at home. */
export const STORES = [
  { driver: 'overlay', fileSystem: 'ext4' },
  { driver: 'dir', fileSystem: 'ext4' },
  { driver: 'btrfs', fileSystem: 'btrfs' },
  { driver: 'reflink', fileSystem: 'xfs' },
] as const;

const COPY = 'bench-copy';

/**
 * Clone, snapshot and restore of the stopped Debian guest, beside lxc-copy, lxc-snapshot and `cp -a` of its root on
 * the same file system. In turn, round by round; what a command itself costs is in all of tsct's numbers.
 */
export async function storage(guest: string, disk: string, count: number, results: Results): Promise<void> {
  for (const { driver, fileSystem } of STORES) {
    const home = fileSystem === 'ext4' ? disk : await mountLoop(disk, fileSystem);
    try {
      await withStore(join(home, `store-${driver}`), guest, driver, count, results);
    } finally {
      if (home !== disk) await unmountLoop(home);
    }
  }
}

async function withStore(
  home: string,
  guest: string,
  driver: string,
  count: number,
  results: Results,
): Promise<void> {
  const tsct = new Tsct(home);
  const lxc = driver === 'dir' && Lxc.here() ? new Lxc(home) : undefined;
  await rm(home, { recursive: true, force: true });
  await mkdir(home);
  try {
    await tsct.cli('create', DEBIAN, '--rootfs', guest, '--set', `Storage.Driver=${driver}`);
    await lxc?.add(DEBIAN, guest);
    for (let round = 0; round <= count; round++) {
      const keep = (operation: string, who: string, ms: number) => {
        if (round > 0) put(results, `${operation} (${driver})`, who, ms);
      };
      await settle(home, driver);
      await ownRound(tsct, round, keep);
      keep(
        'cp -a',
        'tsct',
        await timed(() => run('cp', ['-a', '--reflink=never', guest, join(home, 'copy')])),
      );
      await rm(join(home, 'copy'), { recursive: true });
      if (lxc) {
        keep('clone', 'lxc', await timed(() => lxc.copy(DEBIAN, COPY)));
        await lxc.destroy(COPY);
      }
    }
  } finally {
    await tsct.destroy(DEBIAN);
    await lxc?.destroy(DEBIAN);
    await rm(home, { recursive: true, force: true });
  }
}

async function ownRound(
  tsct: Tsct,
  round: number,
  keep: (operation: string, who: string, ms: number) => void,
): Promise<void> {
  const snapshot = `s${round}`;
  keep('tsct --version', 'tsct', await timed(() => tsct.cli('--version')));
  keep('clone', 'tsct', await timed(() => tsct.cli('clone', DEBIAN, COPY)));
  keep('snapshot', 'tsct', await timed(() => tsct.cli('snapshot', 'create', DEBIAN, snapshot)));
  keep('restore', 'tsct', await timed(() => tsct.cli('snapshot', 'restore', `${DEBIAN}@${snapshot}`)));
  await tsct.destroy(COPY);
}

/** What the round before has copied and removed is written out: else the first commit of this one would wait for it. */
async function settle(home: string, driver: string): Promise<void> {
  if (driver === 'btrfs') await run('btrfs', ['subvolume', 'sync', home]);
  await run('sync', ['--file-system', home]);
}

async function mountLoop(disk: string, fileSystem: 'btrfs' | 'xfs'): Promise<string> {
  const image = join(disk, `${fileSystem}.img`);
  const at = `${disk}-${fileSystem}`;
  await mkdir(at, { recursive: true });
  await run('truncate', ['-s', '6G', image]);
  await run(`mkfs.${fileSystem}`, ['-q', '-f', image]);
  await run('mount', ['-o', 'loop', image, at]);
  return at;
}

async function unmountLoop(at: string): Promise<void> {
  await run('umount', [at]);
  await rmdir(at);
}
