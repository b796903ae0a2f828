import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';
import { spawnTsct } from '../support/tsct.js';

const root = useRoot();
const state = async (name: string) =>
  (await root.ok(['info', name, '--json'])).json<{ state: string }>().state;

/** Delays after which the command is hit: over all of its life, spread evenly. */
const POINTS = 12;
const delaysMs = (wholeMs: number) =>
  Array.from({ length: POINTS }, (_, i) => ((i + 0.5) / POINTS) * wholeMs);

async function hit(args: readonly string[], afterMs: number, signal: NodeJS.Signals) {
  const command = spawnTsct(args, { root: root.path });
  await sleep(afterMs);
  command.kill(signal);
  return command;
}

async function wholeMs(args: readonly string[]): Promise<number> {
  const start = performance.now();
  await root.ok(args);
  return performance.now() - start;
}

beforeAll(async () => {
  await root.ok(['create', 'whole', '--template', 'busybox']); // the image is built: every later create is the same
});

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`create hit by ${signal} at any point leaves a whole container or none`, {
    timeout: 120_000 * SLOWNESS,
  }, async () => {
    const args = ['create', 'hit', '--template', 'busybox'];
    const whole = await wholeMs(args);
    await root.ok(['destroy', 'hit']);
    for (const delay of delaysMs(whole)) {
      await hit(args, delay, signal);
      const names = (await root.ok(['list', '-q'])).stdout.split('\n').filter(Boolean);
      expect(names, `after ${delay} ms`).toSatisfy((all: string[]) =>
        all.every((name) => /^(whole|hit)$/.test(name)),
      );
      if (names.includes('hit')) {
        await root.ok(['start', 'hit']);
        await root.ok(['destroy', '--force', 'hit']);
      }
      await root.ok(args); // never in the way of the next one
      await root.ok(['destroy', 'hit']);
    }
  });

  test(`start hit by ${signal} at any point ends running or stopped, and the next command works`, {
    timeout: 120_000 * SLOWNESS,
  }, async () => {
    await root.ok(['create', 'hit', '--template', 'busybox']);
    const whole = await wholeMs(['start', 'hit']);
    await root.ok(['stop', '--kill', 'hit']);
    for (const delay of delaysMs(whole)) {
      await hit(['start', 'hit'], delay, signal);
      await until(`hit is running or stopped after ${delay} ms`, async () =>
        /^(running|stopped)$/.test(await state('hit')),
      );
      await root.ok(['start', 'hit']);
      expect(await root.sh('hit', 'echo works')).toBe('works');
      await root.ok(['stop', '--kill', 'hit']);
    }
  });
}

test('a supervisor that is killed takes its guest along, and the next command cleans up', async () => {
  await root.ok(['start', 'whole']);
  const { supervisorPid, pid } = (await root.ok(['info', 'whole', '--json'])).json<{
    supervisorPid: number;
    pid: number;
  }>();
  process.kill(supervisorPid, 'SIGKILL');
  await until('init has ended with its supervisor', () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
  expect(await state('whole')).toBe('stopped');
  expect([...root.traces()].filter((trace) => !trace.startsWith('file '))).toEqual([]);
  await root.ok(['start', 'whole']);
  await root.ok(['stop', 'whole']);
});
