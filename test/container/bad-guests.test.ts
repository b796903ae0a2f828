import { beforeAll, describe, expect, test } from 'vitest';
import { expectClear } from '../support/failures.js';
import { smallRoot } from '../support/small-root.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();
const state = async (name = 'box') =>
  (await root.ok(['info', name, '--json'])).json<{ state: string }>().state;

beforeAll(async () => {
  await root.ok(['create', 'image']);
});

describe('a guest that does not end when it is asked to', () => {
  const STUBBORN = `#!/bin/sh
    for s in TERM INT HUP PWR USR1 USR2 RTMIN+3 RTMIN+4; do trap 'echo no' $s; done
    echo up
    while :; do sleep 1000 & wait; done
  `;
  const create = async () =>
    root.ok(['create', 'stubborn', '--start', '--rootfs', await smallRoot(STUBBORN)]);

  test('stop kills it after the timeout, says so, and succeeds', async () => {
    await create();
    await until('it runs', async () => (await root.ok(['logs', 'stubborn'])).stdout.includes('up'));
    const begin = performance.now();
    const { stderr } = await root.ok(['stop', 'stubborn', '--timeout', '2']);
    expect(performance.now() - begin).toBeGreaterThan(2000);
    expect(stderr).toMatch(/stubborn did not stop within 2 s and was killed/);
    expect(await state('stubborn')).toBe('stopped');
  });

  test('stop --json tells it apart, stop --kill does not wait', async () => {
    await create();
    const timed = await root.ok(['stop', 'stubborn', '--timeout', '1', '--json']);
    expect(timed.json()).toMatchObject([{ name: 'stubborn', already: false, killed: true }]);
    await root.ok(['start', 'stubborn']);
    await root.ok(['stop', 'stubborn', '--kill']);
    expect((await root.ok(['stop', 'stubborn'])).stderr).toMatch(/is stopped already/);
  });

  test('Ctrl-C in a stop leaves it running; a second stop ends it', async () => {
    await create();
    const { exitCode } = await root.run(['stop', 'stubborn', '--timeout', '100'], { timeoutMs: 3000 });
    expect(exitCode).not.toBe(0);
    expect(await state('stubborn')).toMatch(/running|stopping/);
    await root.ok(['stop', 'stubborn', '--kill']);
  });
});

describe('a frozen container', () => {
  test('exec and attach refuse, stop ends it orderly', async () => {
    await root.ok(['create', 'box', '--start']);
    await root.ok(['freeze', 'box']);
    for (const args of [
      ['exec', 'box', '--', 'true'],
      ['exec', 'box', '-T', '--', 'true'],
    ]) {
      const refusal = await root.run(args);
      expectClear(refusal);
      expect(refusal.exitCode).toBe(125);
      expect(refusal.stderr).toMatch(/it is frozen[\s\S]*Hint: thaw it: tsct thaw box/);
    }
    expect((await root.run(['attach', 'box'])).stderr).toMatch(/it is frozen/);
    expect(await state()).toBe('frozen');
    const { stderr } = await root.ok(['stop', 'box']);
    expect(stderr, 'it was asked, not killed').toBe('');
    expect(await state()).toBe('stopped');
  });

  test.each([
    ['stop --kill', ['stop', '--kill']],
    ['destroy --force', ['destroy', '--force']],
    ['restart', ['restart']],
  ])('%s ends it', async (_, args) => {
    await root.ok(['create', 'box', '--start']);
    await root.ok(['freeze', 'box']);
    await root.ok([...args, 'box']);
    if (args[0] === 'restart') expect(await state()).toBe('running');
  });

  test('its supervisor killed: it dies frozen, the next command cleans up', async () => {
    await root.ok(['create', 'box', '--start']);
    await root.ok(['freeze', 'box']);
    const { supervisorPid } = (await root.ok(['info', 'box', '--json'])).json<{ supervisorPid: number }>();
    process.kill(supervisorPid, 'SIGKILL');
    expect(await state()).toBe('stopped');
    expect([...root.traces()].filter((trace) => !trace.startsWith('file '))).toEqual([]);
  });
});
