import { describe, expect } from 'vitest';
import type { ContainerSummary } from '../../src/lifecycle/list.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();

const create = (name: string, ...more: string[]) =>
  root.ok(['create', name, '--template', 'busybox', ...more]);
/** A container whose init is this shell line. */
const createShell = (name: string, script: string) =>
  create(name, '--set', 'Exec.Init=/bin/sh', '--set', `Exec.Parameters=-c "${script}"`);

describe('create', () => {
  it('makes a whole, stopped container with an identity of its own', async () => {
    await create('one');
    await create('two');
    expect((await root.ok(['list', '-q'])).stdout).toBe('one\ntwo\n');
    const [one, two] = [await root.info('one'), await root.info('two')];
    expect(one).toMatchObject({
      state: 'stopped',
      pid: null,
      supervisorPid: null,
      uptime: null,
      pending: [],
    });
    expect(one.uuid).not.toBe(two.uuid);
    expect(Math.abs(one.idmap.base - two.idmap.base)).toBeGreaterThanOrEqual(65536);
    // The second from a cached image: the same layers, nothing copied.
    expect(two.root.layers).toEqual(one.root.layers);
  });

  it('refuses a name that is taken, stopped or running, and changes nothing', async () => {
    await create('web', '--start');
    const before = await root.info('web');
    const again = await root.run(['create', 'web', '--template', 'busybox']);
    expect(again.exitCode).toBe(4);
    expect(again.stderr).toContain('there is a container web already');
    expect((await root.info('web')).pid).toBe(before.pid);
  });

  it('of two at once one makes it and the other says that it exists', async () => {
    const both = await Promise.all([
      root.run(['create', 'web', '--template', 'busybox']),
      root.run(['create', 'web', '--template', 'busybox']),
    ]);
    expect(both.map((r) => r.exitCode).sort()).toEqual([0, 4]);
    await root.ok(['start', 'web']);
  });

  it('gives each its machine-id and host name, also after rename', async () => {
    await create('web', '--start');
    const { uuid } = await root.info('web');
    expect(await root.sh('web', 'cat /etc/machine-id; hostname; cat /etc/hostname')).toBe(
      `${uuid.replaceAll('-', '')}\nweb\nweb`,
    );
    expect((await root.run(['rename', 'web', 'www'])).exitCode).toBe(4);
    await root.ok(['stop', 'web', '--kill']);
    await root.ok(['rename', 'web', 'www']);
    await root.ok(['start', 'www']);
    expect(await root.sh('www', 'hostname; cat /etc/hostname')).toBe('www\nwww');
    expect((await root.info('www')).uuid).toBe(uuid);
  });
});

describe('start and stop', () => {
  it('starts, says so again, stops, says so again: always 0', async () => {
    await create('web');
    await root.ok(['start', 'web', '--wait']);
    const running = await root.info('web');
    expect(running).toMatchObject({ state: 'running', ready: true, init: 'busybox', boots: 1 });
    expect(running.pid).toBeGreaterThan(1);
    expect(running.memory?.usage).toBeGreaterThan(0);
    expect(running.tasks?.usage).toBeGreaterThan(0);
    expect((await root.ok(['start', 'web'])).stderr).toBe('web is running already\n');
    expect((await root.info('web')).pid).toBe(running.pid);
    await root.ok(['stop', 'web']);
    expect(await root.info('web')).toMatchObject({
      state: 'stopped',
      lastExit: { cause: 'poweroff', requested: true },
    });
    expect((await root.ok(['stop', 'web'])).stderr).toBe('web is stopped already\n');
  });

  it('of two starts at once one starts it and the other finds it running', async () => {
    await create('web');
    const both = await Promise.all([root.ok(['start', 'web']), root.ok(['start', 'web'])]);
    expect(both.map((r) => r.stderr).sort()).toEqual(['', 'web is running already\n']);
  });

  it('kills what does not stop in time, says so, and ends with 0', async () => {
    await createShell('deaf', "trap '' TERM INT HUP USR1 USR2; while :; do sleep 1; done");
    await root.ok(['start', 'deaf']);
    const { stderr } = await root.ok(['stop', 'deaf', '--timeout', '1']);
    expect(stderr).toBe('deaf did not stop within 1 s and was killed\n');
    expect((await root.info('deaf')).lastExit).toMatchObject({ cause: 'killed', requested: true });
  });

  it('takes several names, goes on after a failure, ends as the first one', async () => {
    await create('web');
    const result = await root.run(['start', 'nope', 'web', '../x']);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain('there is no container nope');
    expect(result.stderr).toContain('"../x" is not a container name');
    expect((await root.info('web')).state).toBe('running');
  });

  const badInits: [string, string[], string[]][] = [
    ['is missing', ['Exec.Init=/bin/missing'], ['/bin/missing', 'ENOENT']],
    ['is not executable', ['Exec.Init=/etc/passwd'], ['/etc/passwd', 'EACCES']],
    [
      'ends at once',
      ['Exec.Init=/bin/sh', 'Exec.Parameters=-c "echo I am broken; exit 7"'],
      ['exit code 7', 'I am broken'],
    ],
  ];
  for (const [how, settings, says] of badInits) {
    it(`start --wait of an init that ${how} says so, with what the console said`, async () => {
      await create('bad', ...settings.flatMap((setting) => ['--set', setting]));
      const { exitCode, stderr } = await root.run(['start', 'bad', '--wait']);
      expect(exitCode).toBe(1);
      for (const words of says) expect(stderr).toContain(words);
      expect((await root.info('bad')).state).toBe('stopped');
    });
  }

  it('restarts with the config as it is by then; until then the change is pending', async () => {
    await create('web', '--start');
    const set = await root.ok(['config', 'set', 'web', 'Exec.Hostname=changed']);
    expect(set.stderr).toContain('from its next start');
    expect((await root.info('web')).pending).toEqual(['Exec.Hostname']);
    await root.ok(['restart', 'web']);
    expect((await root.info('web')).pending).toEqual([]);
    expect(await root.sh('web', 'hostname')).toBe('changed');
  });

  it('reboots under the same supervisor with the same ids', async () => {
    await create('web', '--start');
    await root.ok(['wait', 'web', '--for', 'ready', '--timeout', '30']);
    const before = await root.info('web');
    await root.ok(['restart', 'web', '--reboot']);
    await until('it has booted twice', async () => (await root.info('web')).boots === 2);
    const after = await root.info('web');
    expect(after).toMatchObject({
      supervisorPid: before.supervisorPid,
      idmap: before.idmap,
      uuid: before.uuid,
    });
    expect(after.pid).not.toBe(before.pid);
  });
});

describe('freeze and thaw', () => {
  it('stops every process and lets them go on', async () => {
    await create('web', '--start');
    expect((await root.run(['thaw', 'web'])).exitCode).toBe(0);
    await root.ok(['freeze', 'web']);
    await root.ok(['freeze', 'web']);
    expect((await root.info('web')).state).toBe('frozen');
    await root.ok(['wait', 'web', '--for', 'frozen', '--timeout', '5']);
    const refused = await root.run(['exec', 'web', '--', 'true']);
    expect(refused.exitCode).toBe(125);
    expect(refused.stderr).toContain('tsct thaw web');
    await root.ok(['thaw', 'web']);
    expect(await root.sh('web', 'echo alive')).toBe('alive');
    await root.ok(['freeze', 'web']);
    await root.ok(['stop', 'web']);
    expect((await root.run(['freeze', 'web'])).exitCode).toBe(4);
  });
});

describe('wait', () => {
  it('times out with exit 1 and TSCT_TIMEOUT', async () => {
    await create('web');
    const result = await root.run(['wait', 'web', '--for', 'running', '--timeout', '1', '--json']);
    expect(result.exitCode).toBe(1);
    expect(result.json<{ error: { code: string } }>().error.code).toBe('TSCT_TIMEOUT');
    await root.ok(['wait', 'web', '--for', 'stopped', '--timeout', '1']);
  });

  it('waits over a start by somebody else, and over a poweroff from inside', async () => {
    await create('web');
    const ready = root.ok(['wait', 'web', '--for', 'ready', '--timeout', '60']);
    await root.ok(['start', 'web']);
    await ready;
    const stopped = root.ok(['wait', 'web', '--timeout', '60']);
    await root.run(['exec', 'web', '--', 'poweroff']);
    await stopped;
    expect(await root.info('web')).toMatchObject({
      state: 'stopped',
      lastExit: { cause: 'poweroff', requested: false },
    });
  });
});

describe('logs', () => {
  it('has what the console said, while it runs and afterwards', async () => {
    await createShell(
      'talker',
      "for i in 1 2 3; do echo line $i; done; trap 'exit 0' TERM; while :; do sleep 0.2; done",
    );
    await root.ok(['start', 'talker']);
    await until('it has spoken', async () => (await root.ok(['logs', 'talker'])).stdout.includes('line 3'));
    expect((await root.ok(['logs', 'talker', '-n', '1'])).stdout).toMatch(/^line 3\r?\n$/);
    const following = root.ok(['logs', 'talker', '-f', '-n', '0']);
    await root.ok(['stop', 'talker', '--kill']);
    await following;
    expect((await root.ok(['logs', 'talker'])).stdout).toContain('line 1');
  });
});

describe('destroy', () => {
  it('leaves a running container alone unless forced; the second one finds none', async () => {
    await create('web', '--start');
    const refused = await root.run(['destroy', 'web']);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain('tsct destroy --force web');
    expect((await root.info('web')).state).toBe('running');
    const both = await Promise.all([root.run(['destroy', '-f', 'web']), root.run(['destroy', '-f', 'web'])]);
    expect(both.map((r) => r.exitCode).sort()).toEqual([0, 3]);
  });
});

describe('autostart', () => {
  it('starts all that ask for it and stops all that run', async () => {
    await create('first', '--set', 'Start.Autostart=yes');
    await create('second', '--set', 'Start.Autostart=yes', '--set', 'Start.Order=5');
    await create('third', '--set', 'Start.Autostart=yes', '--set', 'Start.After=second');
    await create('manual');
    const started = (await root.ok(['start', '--all', '--json'])).json<{ name: string }[]>();
    expect(started.map((r) => r.name)).toEqual(['first', 'second', 'third']);
    const running = (await root.ok(['list', '--running', '--json'])).json<ContainerSummary[]>();
    expect(running.map((c) => c.name)).toEqual(['first', 'second', 'third']);
    const stopped = (await root.ok(['stop', '--all', '--kill', '--json'])).json<{ name: string }[]>();
    expect(stopped.map((r) => r.name)).toEqual(['third', 'second', 'first']);
  });
});
