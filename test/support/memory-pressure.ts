import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

const TEST_DIR = process.env['TSCT_TEST_DIR'] ?? '/var/tmp';
const MIN_FREE = '/proc/sys/vm/min_free_kbytes';

const freeKib = async () => Number(/^MemFree: +(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1]);

/**
 * Makes the host short of memory until `isEnough`, which is asked every few milliseconds, or for as long as that is tried:
 * the kernel is told to keep nearly all free that is free now, while page cache is made. Nobody is killed for it.
 */
export async function shortOfMemory(isEnough: () => boolean): Promise<void> {
  const usual = readFileSync(MIN_FREE, 'utf8');
  const place = await mkdtemp(join(TEST_DIR, 'tsct-memory-'));
  let isDone = false;
  const free = await freeKib();
  const look = setInterval(() => {
    if (isDone || !isEnough()) return;
    isDone = true;
    writeFileSync(MIN_FREE, usual);
  }, 2);
  try {
    // Below 1.25 times that kswapd begins, in each zone by itself, at 1.5 times it ends.
    writeFileSync(MIN_FREE, String(Math.floor(free / 1.22)));
    for (let round = 0; round < 24 && !isDone; round++) {
      const hole = join(place, `hole-${round}`);
      await writeFile(hole, '');
      await truncate(hole, Math.floor(free / 24) * 1024);
      await execa('cat', [hole], { stdout: 'ignore' });
    }
  } finally {
    clearInterval(look);
    writeFileSync(MIN_FREE, usual);
    await rm(place, { recursive: true });
  }
}

/** Gives the host swap while something runs. */
export async function withSwap<T>(bytes: number, run: () => Promise<T>): Promise<T> {
  const place = await mkdtemp(join(TEST_DIR, 'tsct-swap-'));
  const file = join(place, 'swap');
  try {
    await execa('fallocate', ['-l', String(bytes), file]);
    await execa('chmod', ['600', file]);
    await execa('mkswap', [file]);
    await execa('swapon', [file]);
    return await run();
  } finally {
    await execa('swapoff', [file], { reject: false });
    await rm(place, { recursive: true });
  }
}
