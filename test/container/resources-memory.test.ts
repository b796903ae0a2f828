import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect } from 'vitest';
import type { CapacityReport } from '../../src/lifecycle/capacity.js';
import { totalFiles } from '../../src/state/account-files.js';
import { groupsOf } from '../../src/state/group-text.js';
import { shortOfMemory, withSwap } from '../support/memory-pressure.js';
import { noRoot, type Reason, testNeeding } from '../support/requires.js';
import { SLOWNESS, useRoot } from '../support/temp-root.js';

// What is kept of memory, what is taken first, and swap: each on the version of control groups that has it.
const root = useRoot();
const MIB = 1024 * 1024;
const v1 = / - cgroup /.test(readFileSync('/proc/self/mountinfo', 'utf8'));
const needsV1: Reason = v1 ? undefined : 'needs control groups of version 1';
const needsV2: Reason = v1 ? 'needs control groups of version 2' : undefined;
const it = testNeeding(noRoot());

const mebibytesIn = (file: string) => Number(readFileSync(file, 'utf8')) / MIB;

/** The v2 group of a container, above payload and supervisor, below the mount of that tree. */
async function groupOf(name: string): Promise<string> {
  const words = readFileSync(`/proc/${(await root.info(name)).pid}/cgroup`, 'utf8');
  return /^0::(.*)\/payload/m.exec(words)?.[1] ?? '';
}

/** What the kernel says of all memory of a container. */
async function usageFile(name: string): Promise<string> {
  const payload = `/sys/fs/cgroup${await groupOf(name)}/payload`;
  return totalFiles(groupsOf(payload, (await root.info(name)).pid as number)).memory;
}
const set = (name: string, ...words: string[]) => root.ok(['config', 'set', name, ...words]);
const take = (name: string, mebibytes: number) =>
  root.run(['exec', name, '-T', '--', 'dd', 'if=/dev/zero', 'of=/dev/shm/x', 'bs=1M', `count=${mebibytes}`]);

/** What two that have as much page cache have left of it, in MiB, when memory runs short for both. */
async function left(): Promise<{ marked: number; plain: number }> {
  for (const name of ['marked', 'plain'])
    await root.sh(name, 'rm -f /file; dd if=/dev/zero of=/file bs=1M count=80 conv=fsync 2>/dev/null');
  const [marked, plain] = [await usageFile('marked'), await usageFile('plain')];
  const used = () => ({ marked: mebibytesIn(marked), plain: mebibytesIn(plain) });
  expect(Math.min(used().marked, used().plain)).toBeGreaterThan(75);
  if (v1) await shortOfMemory(() => Math.min(used().marked, used().plain) < 40);
  else await takeFrom(`/sys/fs/cgroup${dirname(await groupOf('marked'))}`, 60 * MIB);
  return used();
}

/** Has the kernel take that much from a group with all below it, at once (cgroup-v2.rst, memory.high). */
async function takeFrom(group: string, bytes: number): Promise<void> {
  const high = `${group}/memory.high`;
  try {
    writeFileSync(high, String(Number(readFileSync(`${group}/memory.current`, 'utf8')) - bytes));
  } finally {
    writeFileSync(high, 'max');
  }
}

describe('memory runs short', () => {
  async function othersGiveFirst(key: string): Promise<void> {
    await root.start('marked', `Resources.${key}=200M`);
    await root.start('plain');
    const kept = await left();
    expect(kept.marked, JSON.stringify(kept)).toBeGreaterThan(72);
    expect(kept.plain, JSON.stringify(kept)).toBeLessThan(45);
    await root.ok(['config', 'unset', 'marked', `Resources.${key}`]);
    await set('plain', `Resources.${key}=200M`);
    const turned = await left();
    expect(turned.plain, JSON.stringify(turned)).toBeGreaterThan(72);
    expect(turned.marked, JSON.stringify(turned)).toBeLessThan(45);
  }

  const LONG = { timeout: 240_000 * SLOWNESS };
  const itOnV2 = testNeeding(noRoot(), needsV2);
  itOnV2('MemoryMin: others give theirs first', () => othersGiveFirst('MemoryMin'), LONG);
  itOnV2('MemoryLow: others give theirs first', () => othersGiveFirst('MemoryLow'), LONG);

  async function refusedOnV1(key: string): Promise<void> {
    await root.ok(['create', 'old', '--template', 'busybox']);
    const { exitCode, stderr } = await root.run(['config', 'set', 'old', `Resources.${key}=32M`]);
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(`${key}=: control groups of version 1 have no such limit`);
  }

  const itOnV1 = testNeeding(noRoot(), needsV1);
  itOnV1('MemoryMin is refused where there is none, when it is set', () => refusedOnV1('MemoryMin'));
  itOnV1('MemoryLow is refused where there is none, when it is set', () => refusedOnV1('MemoryLow'));

  itOnV1(
    'MemorySoftLimit: it is taken first from who is above it',
    async () => {
      // It counts only where the whole host runs short of memory.
      await root.start('marked', 'Resources.MemorySoftLimit=16M');
      await root.start('plain');
      const first = await left();
      expect(first.marked, JSON.stringify(first)).toBeLessThan(first.plain - 20);
      await root.ok(['config', 'unset', 'marked', 'Resources.MemorySoftLimit']);
      await set('plain', 'Resources.MemorySoftLimit=16M', '--runtime');
      const turned = await left();
      expect(turned.plain, JSON.stringify(turned)).toBeLessThan(turned.marked - 20);
    },
    LONG,
  );

  itOnV2('MemorySoftLimit is refused where there is none, when it is set', async () => {
    await root.ok(['create', 'new', '--template', 'busybox']);
    const { exitCode, stderr } = await root.run(['config', 'set', 'new', 'Resources.MemorySoftLimit=32M']);
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(/version 2 have no such limit; they have MemoryHigh= and MemoryLow=/);
  });

  itOnV2('the group above has what all in it are promised, as they come and go', async () => {
    await root.start('one', 'Resources.MemoryMin=8M', 'Resources.MemoryLow=16M');
    const group = await groupOf('one');
    const file = (word: string) => `/sys/fs/cgroup${dirname(group)}/memory.${word}`;
    const above = () => ['min', 'low'].map((word) => mebibytesIn(file(word)));
    const before = above();
    expect(before[0]).toBeGreaterThanOrEqual(8);
    await root.start('two', 'Resources.MemoryMin=4M');
    const since = () => above().map((value, i) => value - (before[i] ?? 0));
    expect(since()).toEqual([4, 0]);
    await set('two', 'Resources.MemoryMin=6M', 'Resources.MemoryLow=7M', '--runtime');
    expect(since()).toEqual([6, 7]);
    await root.ok(['config', 'unset', 'two', 'Resources.MemoryMin', 'Resources.MemoryLow', '--runtime']);
    expect(since()).toEqual([4, 0]);
    await root.ok(['stop', '--kill', 'two']);
    expect(since()).toEqual([0, 0]);
    const { memory } = await root.info('one');
    expect(memory).toMatchObject({ min: 8 * MIB, low: 16 * MIB });
    expect((await root.ok(['info', 'one'])).stdout).toMatch(
      /^Memory: .*, 8\.0 MiB kept, 16\.0 MiB if it can be$/m,
    );
    const listed = (await root.ok(['list', '-c', 'name,memory.min,memory.low'])).stdout;
    expect(listed).toMatch(/^one +8\.0 MiB +16\.0 MiB$/m);
    expect((await root.ok(['metrics'])).stdout).toMatch(/^tsct_memory_min_bytes\{name="one"\} 8388608$/m);
  });
});

describe('MemorySwapMax', () => {
  const had = /^\/dev|^\//m.test(readFileSync('/proc/swaps', 'utf8'))
    ? 'the host has swap of its own'
    : undefined;

  testNeeding(noRoot(), had)('MemorySwapMax: so much of it may be swap, and no more', async () => {
    await withSwap(256 * MIB, async () => {
      await root.start('box', 'Resources.MemoryMax=32M', 'Resources.MemorySwapMax=0');
      expect((await take('box', 48)).exitCode).toBe(137);
      await root.sh('box', 'rm -f /dev/shm/x');
      await set('box', 'Resources.MemorySwapMax=64M');
      expect((await take('box', 48)).exitCode).toBe(0);
      expect((await root.info('box')).memory).toMatchObject({ limit: 32 * MIB, swapLimit: 64 * MIB });
      expect((await root.info('box')).memory?.swap).toBeGreaterThan(8 * MIB);
      expect((await root.ok(['list', '-c', 'name,swap.max'])).stdout).toMatch(/^box +64\.0 MiB$/m);
      expect((await take('box', 140)).exitCode).toBe(137);
      await root.sh('box', 'rm -f /dev/shm/x');
      // Both at once, up and down: on v1 the one is part of the other.
      await set('box', 'Resources.MemoryMax=128M', 'Resources.MemorySwapMax=0');
      expect((await take('box', 100)).exitCode).toBe(0);
      await root.sh('box', 'rm -f /dev/shm/x');
      await set('box', 'Resources.MemoryMax=24M', 'Resources.MemorySwapMax=8M', '--runtime');
      expect((await take('box', 48)).exitCode).toBe(137);
      await root.sh('box', 'rm -f /dev/shm/x');
      await root.ok(['config', 'unset', 'box', 'Resources.MemoryMax', 'Resources.MemorySwapMax']);
      expect((await root.info('box')).memory).toMatchObject({ limit: null, swapLimit: null });
      await root.ok(['stop', '--kill', 'box']);
    });
  });

  it('OOMPolicy=raise: the swap beside it stays what it was', async () => {
    await root.start(
      'box',
      'Resources.MemoryMax=24M',
      'Resources.MemorySwapMax=8M',
      'Resources.OOMPolicy=raise:100%:96M',
    );
    // On v1 only a task's own touch is held: the kernel's, in its name, ends early (a read is short, a write to a tmpfs
    // is told ENOMEM).
    const hog = 'x=aaaaaaaaaaaaaaaa; for i in $(seq 20); do x=$x$x; done; echo done';
    expect(await root.sh('box', hog)).toBe('done');
    const { memory } = await root.info('box');
    expect(memory?.limit).toBeGreaterThanOrEqual(48 * MIB);
    expect(memory?.swapLimit).toBe(8 * MIB);
  });

  testNeeding(noRoot(), needsV1)('without MemoryMax= it is refused where both are one limit', async () => {
    await root.ok(['create', 'box', '--template', 'busybox']);
    const { exitCode, stderr } = await root.run(['config', 'set', 'box', 'Resources.MemorySwapMax=8M']);
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(/MemorySwapMax=: .* limit memory and swap together: it needs MemoryMax=/);
  });
});

testNeeding(noRoot(), needsV2)('check --capacity says when more is promised than there is', async () => {
  for (const name of ['one', 'two']) {
    await root.ok(['create', name, '--template', 'busybox', '--set', 'Resources.MemoryMin=60%']);
  }
  const { exitCode, json } = await root.run(['check', '--capacity', '--json']);
  expect(exitCode).toBe(5);
  expect(json<CapacityReport>().lines).toContainEqual(
    expect.objectContaining({ key: 'MemoryMin', isOvercommitted: true, unlimited: [] }),
  );
  expect((await root.run(['check', '--capacity'])).stdout).toMatch(
    /more is promised than there is by MemoryMin=/,
  );
});
