import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { LONG } from '../support/chance.js';
import { expectClear, refused } from '../support/failures.js';
import { SLOWNESS, useRoot } from '../support/temp-root.js';
import type { TsctResult } from '../support/tsct.js';

const root = useRoot();
const ROUNDS = LONG ? 50 : SLOWNESS > 1 ? 1 : 2;
const MANY_MS = 300_000 * SLOWNESS;

interface Listed {
  readonly name: string;
  readonly state: string;
  readonly idmap: { readonly base: number };
}

const list = async () => (await root.ok(['list', '--json'])).json<Listed[]>();
const state = async (name: string) => (await list()).find((one) => one.name === name)?.state;

beforeAll(async () => {
  await root.ok(['create', 'image']); // every later create finds the image
});

/** Both commands at once; whatever they end with, they say it clearly. */
async function together(...commands: readonly (readonly string[])[]): Promise<TsctResult[]> {
  const results = await Promise.all(commands.map((args) => root.run(args)));
  for (const result of results) expectClear(result);
  return results;
}

const exitCodes = (results: readonly TsctResult[]) => results.map(({ exitCode }) => exitCode).sort();
const said = (results: readonly TsctResult[]) => results.map(({ stderr }) => stderr).join('');

describe('two commands at once', { timeout: MANY_MS }, () => {
  test(`create, start, stop, destroy by two each, ${ROUNDS} rounds`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const created = await together(['create', 'box'], ['create', 'box']);
      expect(exitCodes(created), said(created)).toEqual([0, 4]);
      expect(said(created)).toMatch(/there is a container box already|another tsct command/);
      const started = await together(['start', 'box'], ['start', 'box']);
      expect(exitCodes(started), said(started)).toEqual([0, 0]);
      const supervisors = [...root.traces()].filter((trace) => /^process \d+ tsct-superviso/.test(trace));
      expect(supervisors).toHaveLength(1);
      const stopped = await together(['stop', 'box'], ['stop', 'box']);
      expect(exitCodes(stopped), said(stopped)).toEqual([0, 0]);
      const destroyed = await together(['destroy', 'box'], ['destroy', 'box']);
      expect(exitCodes(destroyed), said(destroyed)).toEqual([0, 3]);
    }
  });

  test(`start and destroy --force: whole or gone, ${ROUNDS} rounds`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await root.ok(['create', 'box']);
      const [start, destroy] = await together(['start', 'box'], ['destroy', '--force', 'box']);
      expect([0, 3]).toContain(start?.exitCode);
      expect([0, 4]).toContain(destroy?.exitCode);
      const now = await state('box');
      if (destroy?.exitCode === 0) expect(now).toBeUndefined();
      else expect(now).toBe('running');
      await root.destroyAllBut(['image']);
    }
  });

  test(`rename and start: one container, one of the names, ${ROUNDS} rounds`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await root.ok(['create', 'box']);
      const [rename, start] = await together(['rename', 'box', 'other'], ['start', 'box']);
      expect([0, 4]).toContain(rename?.exitCode);
      expect([0, 3]).toContain(start?.exitCode);
      const names = (await list()).map(({ name }) => name);
      expect(names).toEqual(rename?.exitCode === 0 ? ['image', 'other'] : ['box', 'image']);
      await root.destroyAllBut(['image']);
    }
  });

  test(`stop and start: running or stopped, never in between, ${ROUNDS} rounds`, async () => {
    await root.ok(['create', 'box', '--start']);
    for (let round = 0; round < ROUNDS; round++) {
      const both = await together(['stop', '--kill', 'box'], ['start', 'box']);
      expect(exitCodes(both), said(both)).toEqual([0, 0]);
      expect(await state('box')).toMatch(/^(running|stopped)$/);
    }
  });
});

/** As many as the issue names; an emulated machine has ten times less to give. */
const MANY = SLOWNESS > 1 ? 10 : 50;

test(`${MANY} containers at once: created, started by one command, stopped, destroyed`, {
  timeout: MANY_MS,
}, async () => {
  const names = Array.from({ length: MANY }, (_, i) => `many${i}`);
  const timeoutMs = 200_000 * SLOWNESS;
  const times: string[] = [];
  const timed = async (what: string, work: () => Promise<unknown>) => {
    const begin = performance.now();
    await work();
    times.push(`${what} ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  };
  const each = async (args: readonly string[]) => {
    const queue = names.values();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (const name of queue) await root.ok(['create', name, ...args], { timeoutMs });
      }),
    );
  };
  await timed('created', () => each(['--set', 'Start.Autostart=yes']));
  await timed('started', () => root.ok(['start', '--all'], { timeoutMs }));
  const running = (await list()).filter(({ state }) => state === 'running');
  expect(running).toHaveLength(MANY);
  const bases = await Promise.all(
    names
      .slice(0, 10)
      .map(async (name) => (await root.ok(['info', name, '--json'])).json<Listed>().idmap.base),
  );
  expect(new Set(bases).size, 'ranges of ids').toBe(bases.length);
  await timed('stopped', () => root.ok(['stop', '--all'], { timeoutMs }));
  expect((await list()).filter(({ state }) => state !== 'stopped')).toEqual([]);
  expect([...root.traces()].filter((trace) => !trace.startsWith('file '))).toEqual([]);
  await timed('destroyed', () => root.ok(['destroy', ...names], { timeoutMs }));
  console.log(`${MANY} containers: ${times.join(', ')}`);
});

describe('an id range that somebody has', () => {
  const rangeOf = async (name: string) => (await root.ok(['info', name, '--json'])).json<Listed>().idmap.base;

  test('nspawn (its lock): start names who holds it, and works once it is let go', async () => {
    await root.ok(['create', 'box']);
    const lock = join('/run/systemd/nspawn-uid', String(await rangeOf('box')));
    mkdirSync('/run/systemd/nspawn-uid', { recursive: true });
    const fd = openSync(lock, 'w');
    onTestFinished(() => rmSync(lock, { force: true }));
    const holder = execa('flock', ['-n', lock, 'sleep', '1000'], { reject: false });
    onTestFinished(() => void holder.kill('SIGKILL'));
    closeSync(fd);
    await execa('sh', ['-c', `until ! flock -n ${lock} true; do sleep 0.05; done`]);
    const says = new RegExp(`claim id range ${lock}: process \\d+ has them: .*sleep`);
    await refused(root, ['start', 'box'], { exitCode: 4, says, hint: /make the container again/ });
    const sleeper = (await execa('pgrep', ['-P', String(holder.pid)], { reject: false })).stdout;
    holder.kill('SIGKILL');
    for (const pid of sleeper.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    await holder;
    await root.ok(['start', 'box']);
    await root.ok(['stop', 'box']);
  });

  test('a lock is gone from both places when the container has stopped, or its supervisor died', async () => {
    await root.ok(['create', 'box', '--start']);
    const base = String(await rangeOf('box'));
    const locks = ['/run/systemd/nspawn-uid', '/run/tsct/.ids'].map((dir) => join(dir, base));
    const held = async () => (await execa('ls', locks, { reject: false })).stdout.split('\n').filter(Boolean);
    expect(await held()).toHaveLength(2);
    await root.ok(['stop', 'box']);
    expect(await held()).toEqual([]);
    await root.ok(['start', 'box']);
    const { supervisorPid } = (await root.ok(['info', 'box', '--json'])).json<{ supervisorPid: number }>();
    process.kill(supervisorPid, 'SIGKILL');
    await root.ok(['list']);
    expect(await held()).toEqual([]);
  });
});
