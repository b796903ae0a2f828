import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { chance, LONG, points, SEED } from '../support/chance.js';
import { expectClear } from '../support/failures.js';
import { leftOver } from '../support/leftovers.js';
import { systemdHost, testNeeding } from '../support/requires.js';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';
import { CHECKOUT, spawnTsct } from '../support/tsct.js';

const root = useRoot();
/** They take the supervisor for a child of the command line, or start one themselves. */
const testOfChildren = testNeeding(systemdHost());
const random = chance();
const WALK_MS = (LONG ? 3_600_000 : 300_000) * SLOWNESS;
const HITS = LONG ? 100 : SLOWNESS > 1 ? 1 : 2;

interface Info {
  readonly state: string;
  readonly pid: number;
  readonly supervisorPid: number;
  readonly boots: number;
}

beforeAll(async () => {
  await root.ok(['create', 'image']); // every later create finds the image
});

/** One command after a crash: from then on each container is whole, or not there, and nothing else is left. */
async function expectWhole(when: string): Promise<Map<string, string>> {
  const listed = await root.ok(['list', '--json']);
  expect(listed.stderr, when).toBe('');
  const states = new Map(listed.json<(Info & { name: string })[]>().map(({ name, state }) => [name, state]));
  expect([...states.keys()].sort(), `${when}: what is listed is what is there`).toEqual(
    (await root.names()).sort(),
  );
  const running = [...states].filter(([, state]) => state !== 'stopped').map(([name]) => name);
  for (const name of running) expect(states.get(name), when).toMatch(/^(starting|running|stopping)$/);
  if (running.length > 0) await root.ok(['stop', '--kill', ...running]);
  const left = leftOver(
    new Set([...states.keys()].map((name) => `file ${join(root.path, name)}`)),
    root.traces(),
  );
  expect(left, when).toEqual([]);
  return states;
}

/** Kills the command line at points spread over the life of a command. */
async function walk(
  verb: string,
  args: readonly string[],
  prepare: () => Promise<unknown>,
  check: (states: Map<string, string>, when: string) => Promise<unknown> | unknown,
): Promise<void> {
  await prepare();
  const begin = performance.now();
  await root.ok(args);
  const wholeMs = performance.now() - begin;
  // Loading takes the first part of each command: nothing can go wrong in it but for the first lock.
  for (const atMs of points(HITS, 0.35 * wholeMs, 1.05 * wholeMs, random)) {
    const when = `${verb} killed after ${Math.round(atMs)} of ${Math.round(wholeMs)} ms, seed ${SEED}`;
    await root.destroyAllBut(['image']);
    await prepare();
    const command = spawnTsct(args, { root: root.path });
    await sleep(atMs);
    command.kill('SIGKILL');
    await command;
    await check(await expectWhole(when), when);
  }
}

describe('kill -9 of the command line', { timeout: WALK_MS }, () => {
  test('create leaves a whole container that starts, or none', () =>
    walk(
      'create',
      ['create', 'box'],
      async () => {},
      async (states) => {
        if (states.has('box')) await root.ok(['start', 'box']);
        else await root.ok(['create', 'box']);
      },
    ));

  test('create from a directory leaves no half layer', () =>
    walk(
      'create --rootfs',
      ['create', 'box', '--rootfs', '/usr/share/zoneinfo'],
      async () => {},
      async () => {
        const layers = readdirSync(join(root.layout.store, 'layers'));
        expect(layers.filter((name) => name.startsWith('.'))).toEqual([]);
      },
    ));

  test('start leaves it running or stopped, and the next start works', () =>
    walk(
      'start',
      ['start', 'box'],
      () => root.ok(['create', 'box']),
      async () => {
        await root.ok(['start', 'box']);
        expect(await root.sh('box', 'echo works')).toBe('works');
      },
    ));

  testOfChildren(
    'a start after one that was killed half-way waits for its supervisor, and finds it running',
    async () => {
      await root.ok(['create', 'box']);
      const first = spawnTsct(['start', 'box'], { root: root.path });
      const supervisor = await childOf(first.pid ?? 0, 'tsct-supervisor', first);
      const setup = await childOf(supervisor, 'tsct-setup', first);
      process.kill(setup, 'SIGSTOP'); // before there is anything that others could see
      first.kill('SIGKILL');
      await first;
      const second = root.run(['start', 'box']);
      expect(await Promise.race([second, sleep(2000 * SLOWNESS, 'waits')])).toBe('waits');
      process.kill(setup, 'SIGCONT');
      const { exitCode, stderr } = await second;
      expect(exitCode, stderr).toBe(0);
      expect((await info('box')).supervisorPid).toBe(supervisor);
    },
  );

  test('stop leaves it running or stopped, and the next stop works', () =>
    walk(
      'stop',
      ['stop', 'box'],
      () => root.ok(['create', 'box', '--start']),
      () => root.ok(['stop', 'box']),
    ));

  test('destroy leaves it whole or gone', () =>
    walk(
      'destroy',
      ['destroy', '--force', 'box'],
      () => root.ok(['create', 'box', '--start']),
      async (states) => {
        if (states.has('box')) await root.ok(['start', 'box']);
      },
    ));

  test('rename leaves one of the two names, whole', () =>
    walk(
      'rename',
      ['rename', 'box', 'other'],
      () => root.ok(['create', 'box']),
      async (states, when) => {
        const names = [...states.keys()].filter((name) => name !== 'image');
        expect(names, when).toHaveLength(1);
        await root.ok(['start', ...names]);
      },
    ));
});

/** Starts a supervisor as `tsct start` does, which has to be over before: the plan is that of the last start. */
function launchSupervisor(name: string) {
  const { plan } = JSON.parse(readFileSync(root.layout.planFile(name), 'utf8'));
  const file = join(tmpdir(), `tsct-plan-${process.pid}`);
  writeFileSync(file, JSON.stringify(plan));
  const fd = openSync(file, 'r');
  rmSync(file);
  const program = join(CHECKOUT, 'native/build/tsct-supervisor');
  const supervisor = spawn(program, [plan.tsct.key], {
    stdio: [fd, 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  closeSync(fd);
  return supervisor;
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function named(pid: number, comm: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === comm;
  } catch {
    return false;
  }
}

/** Waits for a child of this name, as long as `alive` has not ended. */
async function childOf(parent: number, comm: string, alive: Promise<unknown>): Promise<number> {
  const ended = alive.then(() => 'ended');
  for (;;) {
    const found = childrenOf(parent).find((pid) => named(pid, comm));
    if (found !== undefined) return found;
    if ((await Promise.race([ended, sleep(0)])) === 'ended') throw new Error(`no ${comm} was seen`);
  }
}

const info = async (name: string) => (await root.ok(['info', name, '--json'])).json<Info>();

describe('kill -9 of native programs', { timeout: WALK_MS }, () => {
  testOfChildren('the supervisor, all through a start', async () => {
    await root.ok(['create', 'box', '--start']);
    await root.ok(['stop', '--kill', 'box']);
    for (const atMs of points(LONG ? 200 : HITS * 3, 0, 40 * SLOWNESS, random)) {
      const supervisor = launchSupervisor('box');
      const ended = new Promise((resolve) => supervisor.once('exit', resolve));
      await sleep(atMs);
      supervisor.kill('SIGKILL');
      await ended;
      await expectWhole(`supervisor killed ${atMs.toFixed(1)} ms into a start`);
    }
    await root.ok(['start', 'box']);
  });

  test('the supervisor of a running container: the guest dies with it, the next command cleans up', async () => {
    for (const next of [['list'], ['start', 'box'], ['stop', 'box'], ['info', 'box'], ['destroy', 'box']]) {
      await root.run(['create', 'box']);
      await root.ok(['start', 'box']);
      const { pid, supervisorPid } = await info('box');
      process.kill(supervisorPid, 'SIGKILL');
      await until('init is gone with its supervisor', () => !named(pid, 'init') && !named(pid, 'busybox'));
      await root.ok(next);
      if (next[0] === 'start') {
        expect((await info('box')).supervisorPid).not.toBe(supervisorPid);
        await root.ok(['stop', '--kill', 'box']);
      }
      const left = [...root.traces()].filter((trace) => !trace.startsWith('file '));
      expect(left, `after ${next.join(' ')}`).toEqual([]);
    }
  });

  test('the supervisor, all through a reboot and a teardown', async () => {
    await root.ok(['create', 'box']);
    for (const atMs of points(LONG ? 100 : HITS, 0, 60 * SLOWNESS, random)) {
      for (const signal of ['reboot', 'kill'] as const) {
        await root.ok(['start', 'box']);
        const { pid, supervisorPid } = await info('box');
        if (signal === 'kill') process.kill(pid, 'SIGKILL');
        else await root.run(['exec', 'box', '-T', '--', 'reboot', '-f']);
        await sleep(atMs);
        try {
          process.kill(supervisorPid, 'SIGKILL');
        } catch {
          // it was quicker
        }
        await expectWhole(`supervisor killed ${atMs.toFixed(1)} ms into ${signal}`);
      }
    }
  });

  testOfChildren('tsct-setup, all through a start: the start fails and says so, or was through', async () => {
    await root.ok(['create', 'box']);
    let hit = 0;
    for (const atMs of points(LONG ? 100 : HITS * 10, 0, 10 * SLOWNESS, random)) {
      const start = spawnTsct(['start', 'box'], { root: root.path });
      const supervisor = await childOf(start.pid ?? 0, 'tsct-supervisor', start);
      const setup = await childOf(supervisor, 'tsct-setup', start);
      await sleep(atMs);
      try {
        process.kill(setup, 'SIGKILL');
      } catch {
        // it was quicker
      }
      const result = await start;
      if (result.exitCode !== 0) {
        hit++;
        expect(result.stderr).toMatch(/^Error: cannot start box: run tsct-setup .*: it was killed/);
        expectClear({
          ...result,
          exitCode: 1,
          stdout: '',
          stderr: String(result.stderr),
          json: () => ({}) as never,
        });
        expect((await info('box')).state).toBe('stopped');
        expect([...root.traces()].filter((trace) => !trace.startsWith('file '))).toEqual([]);
      }
      await root.ok(['stop', '--kill', 'box']);
    }
    expect(hit, 'starts that it was killed in').toBeGreaterThan(0);
  });
});
