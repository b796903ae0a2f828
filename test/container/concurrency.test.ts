import { expect, test } from 'vitest';
import { SLOWNESS, useRoot } from '../support/temp-root.js';

const root = useRoot();
const twice = (args: readonly string[]) => Promise.all([root.run(args), root.run(args)]);
const exitCodes = (results: readonly { exitCode: number }[]) =>
  results.map((result) => result.exitCode).sort();

interface Listed {
  readonly name: string;
  readonly state: string;
  readonly pid: number;
  readonly supervisorPid: number;
}
const list = async () => (await root.ok(['list', '--json'])).json<Listed[]>();

test('of two creates of one name at once, one makes it and the other says that it exists', async () => {
  const both = await twice(['create', 'one', '--template', 'busybox']);
  expect(exitCodes(both)).toEqual([0, 4]);
  expect((await list()).map(({ name }) => name)).toEqual(['one']);
  await root.ok(['start', 'one']);
});

test('two starts at once start it once', async () => {
  await root.ok(['create', 'one', '--template', 'busybox']);
  const both = await twice(['start', 'one']);
  expect(exitCodes(both), both.map((result) => result.stderr).join('')).toEqual([0, 0]);
  const supervisors = [...root.traces()].filter((trace) => /^process \d+ tsct-supervisor/.test(trace));
  expect(supervisors).toHaveLength(1);
});

test('of two destroys at once, one destroys and the other says that there is none', async () => {
  await root.ok(['create', 'one', '--template', 'busybox', '--start']);
  const both = await twice(['destroy', '--force', 'one']);
  expect(exitCodes(both)).toEqual([0, 3]);
  expect(await list()).toEqual([]);
});

test('start and destroy at once end whole or gone, never in between', async () => {
  for (let round = 0; round < 5; round++) {
    await root.ok(['create', 'one', '--template', 'busybox']);
    await Promise.all([root.run(['start', 'one']), root.run(['destroy', '--force', 'one'])]);
    for (const { state } of await list()) expect(state).toMatch(/^(running|stopped)$/);
    await root.run(['destroy', '--force', 'one']);
  }
});

test('50 containers created and started at once all run, each with ids of its own, and all stop', {
  timeout: 300_000 * SLOWNESS,
}, async () => {
  const names = Array.from({ length: 50 }, (_, i) => `many${i}`);
  for (const name of names) await root.ok(['create', name, '--template', 'busybox']);
  await root.ok(['start', ...names], { timeoutMs: 120_000 * SLOWNESS });
  const running = await list();
  expect(running.filter(({ state }) => state === 'running')).toHaveLength(50);
  const bases = await Promise.all(names.map((name) => root.sh(name, 'head -n 1 /proc/self/uid_map')));
  expect(new Set(bases).size).toBe(50);
  await root.ok(['stop', ...names], { timeoutMs: 120_000 * SLOWNESS });
  expect((await list()).filter(({ state }) => state !== 'stopped')).toEqual([]);
  await root.ok(['destroy', ...names], { timeoutMs: 120_000 * SLOWNESS });
});
