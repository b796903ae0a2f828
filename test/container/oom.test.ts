import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { noRoot, testNeeding } from '../support/requires.js';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';
import { spawnTsct } from '../support/tsct.js';

// [Resources] OOMPolicy=, on hosts of control groups v1 (held by the kernel) and v2 (held by memory.high).
const it = testNeeding(noRoot());
const root = useRoot();
const MIB = 1024 * 1024;

/** Wants some 100 MB, of a shell's own memory: a write to a tmpfs is refused by a kernel of v1, and nobody is held. */
const HOG =
  'x=aaaaaaaaaaaaaaaa; i=0; while [ $i -lt 21 ]; do x=$x$x; i=$((i + 1)); done; echo done >/finished';

interface Seen {
  readonly state: string;
  readonly boots: number;
  readonly memory: { readonly usage: number; readonly limit: number };
  readonly oom: { readonly held: boolean; readonly count: number };
  readonly lastExit: { readonly cause: string } | null;
}

const seen = async (name: string) => (await root.ok(['info', name, '--json'])).json<Seen>();

async function start(name: string, policy: string, ...settings: string[]): Promise<void> {
  const words = [
    'Network.Private=yes',
    'Resources.MemoryMax=30M',
    `Resources.OOMPolicy=${policy}`,
    ...settings,
  ];
  await root.ok(['create', name, '--template', 'busybox', ...words.flatMap((one) => ['--set', one])]);
  await root.ok(['start', name, '--wait']);
}

/** Has somebody inside, who is no child of ours, want too much. */
const hog = (name: string) => root.sh(name, `(setsid sh -c '${HOG}') >/dev/null 2>&1 &`);

async function held(name: string): Promise<void> {
  await hog(name);
  await root.ok(['wait', name, '--for', 'frozen', '--timeout', '60']);
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp('/var/tmp/tsct-oom-');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('OOMPolicy=freeze', () => {
  it('holds the container, tells the hook, and lets it go on when the limit is raised', async () => {
    const hook = join(dir, 'hook');
    await writeFile(hook, `#!/bin/sh\nenv >>${dir}/told\n`);
    await chmod(hook, 0o755);
    await start('held', 'freeze', `Resources.OOMHook=${hook}`);
    await held('held');
    expect(await seen('held')).toMatchObject({ state: 'frozen', oom: { held: true, count: 1 } });
    await until('the hook', async () => (await readFile(`${dir}/told`, 'utf8')).includes('TSCT_OOM_ACTION'));
    const told = await readFile(`${dir}/told`, 'utf8');
    expect(told).toContain('TSCT_NAME=held\n');
    expect(told).toContain(`TSCT_ROOT=${root.path}\n`);
    expect(told).toContain('TSCT_OOM_ACTION=freeze\n');
    expect(Number(/USAGE_BYTES=(\d+)/.exec(told)?.[1])).toBeGreaterThan(20 * MIB);
    expect(Number(/LIMIT_BYTES=(\d+)/.exec(told)?.[1])).toBe(30 * MIB);

    expect((await root.run(['exec', 'held', '-T', '--', 'true'])).exitCode).toBe(125);
    const thawed = await root.run(['thaw', 'held']);
    expect(thawed.exitCode).toBe(4);
    expect(thawed.stderr).toContain('it is held at its memory limit');
    expect((await seen('held')).state).toBe('frozen');

    await root.ok(['config', 'set', 'held', 'Resources.MemoryMax=400M']);
    await until(
      'the end of what was held',
      async () => (await root.sh('held', 'ls /finished 2>/dev/null || :')) !== '',
    );
    expect(await seen('held')).toMatchObject({ state: 'running', oom: { held: false } });
  });

  it('one that is frozen while it is held stays so when there is room, until it is thawed', async () => {
    await start('both', 'freeze');
    await held('both');
    await root.ok(['freeze', 'both']);
    await root.ok(['config', 'set', 'both', 'Resources.MemoryMax=400M']);
    await until('the end of the hold', async () => !(await seen('both')).oom.held);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await seen('both')).state).toBe('frozen');
    expect((await root.run(['exec', 'both', '-T', '--', 'true'])).exitCode).toBe(125);
    await root.ok(['thaw', 'both']);
    await until('it to go on', async () => (await root.sh('both', 'ls /finished 2>/dev/null || :')) !== '');

    // A freeze that was taken back is none.
    await root.ok(['restart', '--kill', 'both']);
    await root.ok(['config', 'set', 'both', 'Resources.MemoryMax=30M']);
    await held('both');
    await root.ok(['freeze', 'both']);
    expect((await root.run(['thaw', 'both'])).exitCode).toBe(4);
    expect(await seen('both')).toMatchObject({ state: 'frozen', oom: { held: true } });
    await root.ok(['config', 'set', 'both', 'Resources.MemoryMax=400M']);
    await until('it to run', async () => (await seen('both')).state === 'running');
  });

  it('stop, kill and destroy end one that is held', async () => {
    await start('ended', 'freeze');
    await held('ended');
    await root.ok(['stop', 'ended', '--timeout', '50']);
    expect((await seen('ended')).lastExit?.cause).toBe('poweroff');
    for (const end of [
      ['stop', '--kill'],
      ['destroy', '--force'],
    ]) {
      await root.ok(['start', 'ended', '--wait']);
      await held('ended');
      await root.ok([...end, 'ended']);
    }
    expect(await root.names()).not.toContain('ended');
  });

  it('holds nobody who only fills the page cache', async () => {
    await start('cache', 'freeze');
    await root.sh('cache', 'dd if=/dev/zero of=/file bs=1M count=100 2>/dev/null; rm /file');
    expect(await seen('cache')).toMatchObject({ state: 'running', oom: { held: false, count: 0 } });
  });
});

it('OOMPolicy=kill-all: the container ends, and says why', async () => {
  await start('all', 'kill-all');
  await hog('all');
  await root.ok(['wait', 'all', '--timeout', '60']);
  expect((await seen('all')).lastExit?.cause).toBe('oom-kill');
});

it('OOMPolicy=restart: it is started again, whatever Restart= says', async () => {
  await start('again', 'restart');
  await hog('again');
  await until('the second run', async () => (await seen('again')).boots === 2);
  await root.ok(['wait', 'again', '--for', 'running', '--timeout', '30']);
  expect((await seen('again')).lastExit?.cause).toBe('oom-kill');
});

it('OOMPolicy=raise: the limit grows, and where it ends the kernel kills; monitor tells each step', async () => {
  await start('grows', 'raise:50%:60M');
  const monitor = spawnTsct(['monitor', 'grows', '--json'], { root: root.path });
  let lines = '';
  monitor.stdout?.on('data', (data) => {
    lines += data;
  });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await hog('grows');
  const actions = () =>
    lines
      .split('\n')
      .filter((line) => line.includes('"oom"'))
      .map((line) => JSON.parse(line) as { action: string; raisedToBytes?: number });
  await until('the end of it', async () => actions().some(({ action }) => action === 'kill'));
  monitor.kill('SIGINT');
  await monitor.catch(() => {});
  expect(actions().slice(0, 3)).toMatchObject([
    { name: 'grows', action: 'raise', raisedToBytes: 45 * MIB },
    { action: 'raise', raisedToBytes: 60 * MIB },
    { action: 'kill', limitBytes: 60 * MIB },
  ]);
  expect(await seen('grows')).toMatchObject({ state: 'running' });
  expect(await root.sh('grows', 'ls /finished 2>/dev/null || echo killed')).toBe('killed');
});

it('OOMPolicy=raise: MemoryMax= as the config has it is set again, or refused and what was raised stays', async () => {
  await start('grown', 'raise:100%:240M');
  const limit = async () => (await seen('grown')).memory.limit;
  const first = await limit(); // on v2 with the headroom
  await hog('grown');
  await until('the end of it', async () => (await root.sh('grown', 'ls /finished 2>/dev/null || :')) !== '');
  const raised = await limit();
  expect(raised).toBeGreaterThan(first);
  await root.ok(['config', 'set', 'grown', 'Resources.TasksMax=200']);
  expect(await limit()).toBe(raised);
  await root.sh('grown', 'dd if=/dev/zero of=/dev/shm/x bs=1M count=40 2>/dev/null');
  const again = ['config', 'set', 'grown', 'Resources.MemoryMax=30M'];
  expect((await root.run(again)).exitCode).toBe(4);
  expect(await limit()).toBe(raised);
  await root.sh('grown', 'rm /dev/shm/x');
  expect((await root.ok(again)).stderr).toContain('MemoryMax applied');
  expect(await limit()).toBe(first);
});

it('an end tells nobody of a want of memory', async () => {
  const hook = join(dir, 'ends');
  await writeFile(hook, `#!/bin/sh\ntouch ${dir}/ended\n`);
  await chmod(hook, 0o755);
  // With a network there is time between the end of the groups, which v1 tells too, and that of the supervisor.
  const words = ['Resources.MemoryMax=30M', `Resources.OOMHook=${hook}`].flatMap((one) => ['--set', one]);
  await root.ok(['create', 'ends', '--template', 'busybox', ...words]);
  for (let run = 0; run < 3; run++) {
    await root.ok(['start', 'ends']);
    await root.ok(['stop', 'ends', '--kill']);
  }
  expect(existsSync(`${dir}/ended`)).toBe(false);
});

it('monitor tells once that a supervisor is gone', async () => {
  await root.ok(['create', 'lost', '--template', 'busybox', '--set', 'Network.Private=yes', '--start']);
  const { supervisorPid } = (await root.ok(['info', 'lost', '--json'])).json<{ supervisorPid: number }>();
  const monitor = spawnTsct(['monitor', 'lost'], { root: root.path });
  let said = '';
  monitor.stdout?.on('data', (data) => {
    said += data;
  });
  await new Promise((resolve) => setTimeout(resolve, 1000 * SLOWNESS));
  process.kill(supervisorPid, 'SIGKILL');
  await until('it is told', async () => said.includes('stopped'));
  await new Promise((resolve) => setTimeout(resolve, 500 * SLOWNESS));
  monitor.kill('SIGINT');
  await monitor.catch(() => {});
  expect(said.match(/lost stopped/g)).toHaveLength(1);
});

it('what does nothing is refused', async () => {
  await root.ok(['create', 'plain', '--template', 'busybox']);
  for (const setting of ['OOMPolicy=freeze', 'OOMHook=/bin/true', 'OOMHeadroom=20%']) {
    const { exitCode, stderr } = await root.run(['config', 'set', 'plain', `Resources.${setting}`]);
    expect(exitCode, stderr).toBe(5);
    const key = setting.replace(/=.*/, '');
    expect(stderr).toMatch(RegExp(`config:\\d+: ${key}=: .*(does nothing without|nothing goes beyond)`));
  }
  const bad = await root.run(['config', 'set', 'plain', 'Resources.OOMPolicy=raise']);
  expect(bad.exitCode, bad.stderr).toBe(2);
});

const v2 = !/ - cgroup /.test(readFileSync('/proc/self/mountinfo', 'utf8'));
testNeeding(noRoot(), v2 ? undefined : 'on control groups of version 1 nothing goes beyond MemoryMax=')(
  'OOMHeadroom: a burst within it is held, one beyond it is killed',
  async () => {
    // It wants 40 MiB in two calls of the system, and the kernel slows nobody down within one.
    const burst = ['exec', 'box', '-T', '--', 'dd', 'if=/dev/zero', 'of=/dev/shm/x', 'bs=20M', 'count=1'];
    await start('box', 'freeze', 'Resources.OOMHeadroom=10%');
    expect((await root.run(burst)).exitCode).toBe(137);
    await root.ok(['stop', '--kill', 'box']);
    await root.ok(['config', 'set', 'box', 'Resources.OOMHeadroom=100%']);
    await root.ok(['start', 'box', '--wait']);
    const lives = root.run(burst);
    await root.ok(['wait', 'box', '--for', 'frozen', '--timeout', '60']);
    await root.ok(['config', 'set', 'box', 'Resources.MemoryMax=200M']);
    expect((await lives).exitCode).toBe(0);
  },
);

it('a hook that nobody could run is refused when it is set, and at the start if it went since', async () => {
  const hook = join(dir, 'no-hook-yet');
  await root.ok(['create', 'plain', '--template', 'busybox', '--set', 'Network.Private=yes']);
  const set = () =>
    root.run(['config', 'set', 'plain', 'Resources.MemoryMax=50M', `Resources.OOMHook=${hook}`]);
  expect(await set()).toMatchObject({
    exitCode: 5,
    stderr: expect.stringMatching(/OOMHook=: .* is not there/),
  });
  await writeFile(hook, '#!/bin/sh\n', { mode: 0o644 });
  expect(await set()).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(/is not executable/) });
  await chmod(hook, 0o755);
  expect(await set()).toMatchObject({ exitCode: 0 });
  await rm(hook);
  const start = await root.run(['start', 'plain']);
  expect(start).toMatchObject({
    exitCode: 5,
    stderr: expect.stringMatching(/config:\d+: OOMHook=: .* is not there/),
  });
});
