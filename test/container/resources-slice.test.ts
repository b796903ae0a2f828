import { existsSync } from 'node:fs';
import { mkdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, expect } from 'vitest';
import { SLICE_DIR } from '../../src/base/paths.js';
import { noProgram, noRoot, type Reason, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

// [Resources] Slice=: containers that share limits. On a host run by systemd they are of its slice, elsewhere tsct's file.
const it = testNeeding(noRoot());
const root = useRoot();
const bySystemd = existsSync('/run/systemd/system');
const needsOwn: Reason = bySystemd ? "the slices of this host are systemd's" : undefined;
/** With the hash of the root in it, so that the leftover check sees its groups. */
const outer = () => `t${root.layout.hash}.slice`;
const inner = () => `t${root.layout.hash}-front.slice`;

async function limit(slice: string, ...settings: string[]): Promise<void> {
  if (bySystemd) {
    await execa('systemctl', ['set-property', '--runtime', slice, ...settings]);
    return;
  }
  await mkdir(SLICE_DIR, { recursive: true });
  await writeFile(join(SLICE_DIR, slice), `# shared\n[Slice]\n${settings.join('\n')}\n`);
}

afterEach(async () => {
  await root.run(['stop', '--kill', '--all']);
  for (const slice of [inner(), outer()]) {
    if (bySystemd) await execa('systemctl', ['stop', slice], { reject: false });
    if (bySystemd) await execa('systemctl', ['revert', slice], { reject: false });
    await rm(join(SLICE_DIR, slice), { force: true });
  }
  if (!bySystemd)
    await rmdir(SLICE_DIR)
      .then(
        () => rmdir('/etc/tsct'),
        () => {},
      )
      .catch(() => {});
});

const start = (name: string, slice: string) => root.start(name, `Resources.Slice=${slice}`);

const take = (name: string, mebibytes: number) =>
  root.run(['exec', name, '-T', '--', 'dd', 'if=/dev/zero', 'of=/dev/shm/x', 'bs=1M', `count=${mebibytes}`]);
const sleepers = (name: string, count: number) =>
  root.run([
    'exec',
    name,
    '-T',
    '--',
    'sh',
    '-c',
    `for i in $(seq ${count}); do sleep 300 >/dev/null 2>&1 & done`,
  ]);

it('two in one slice run into its limits together, one beside it does not', async () => {
  await limit(outer(), 'MemoryMax=96M', 'TasksMax=80');
  await start('one', inner());
  await start('two', outer());
  await root.ok(['create', 'free', '--template', 'busybox', '--set', 'Network.Private=yes', '--start']);
  expect((await root.info('one')).slice).toBe(inner());
  expect((await root.info('two')).slice).toBe(outer());
  expect((await root.ok(['info', 'one'])).stdout).toMatch(new RegExp(`^Slice: +${inner()}$`, 'm'));
  expect((await take('one', 60)).exitCode).toBe(0);
  expect((await take('two', 60)).exitCode).toBe(137);
  expect((await take('free', 120)).exitCode).toBe(0);
  await root.sh('one', 'rm /dev/shm/x');
  expect((await take('two', 60)).exitCode).toBe(0);

  expect((await sleepers('one', 40)).stderr).toBe('');
  expect((await sleepers('two', 60)).stderr).toMatch(/fork|Resource temporarily unavailable/);
  expect((await sleepers('free', 60)).stderr).toBe('');
});

it('two that start and stop at once, over and over, lose neither group nor limit', async () => {
  await limit(outer(), 'TasksMax=40');
  await Promise.all([start('one', inner()), start('two', inner())]);
  for (let round = 0; round < 5; round++) {
    await Promise.all(['one', 'two'].map((name) => root.ok(['stop', '--kill', name])));
    await Promise.all([root.ok(['start', 'one']), root.ok(['start', 'two'])]);
  }
  expect((await sleepers('one', 60)).stderr).toMatch(/fork|Resource temporarily unavailable/);
});

it('its groups go with a supervisor that was killed, while others are in the slice', async () => {
  await limit(outer(), 'TasksMax=100');
  await start('stays', outer());
  await start('dies', inner());
  process.kill((await root.info('dies')).supervisorPid as number, 'SIGKILL');
  await until('it is found dead', async () => (await root.info('dies')).state === 'stopped');
  await root.ok(['start', 'dies']);
  expect((await root.info('dies')).slice).toBe(inner());
  expect((await root.info('stays')).state).toBe('running');
});

testNeeding(noRoot(), noProgram('lxcfs'))('nproc inside shows the quota that they share', async () => {
  await limit(outer(), 'CPUQuota=50%');
  await start('one', inner());
  expect(await root.sh('one', 'nproc')).toBe('1');
  const more = await root.run(['config', 'set', 'one', 'Resources.CPUQuota=1000%']);
  if (more.exitCode !== 0) expect(more.stderr).toContain("its slice's, has less"); // v1
  expect(await root.sh('one', 'nproc')).toBe('1');
});

it('a restart from inside comes back into the slice', async () => {
  await start('again', inner());
  await root.run(['exec', 'again', '-T', '--', 'reboot']);
  await until('it is up again', async () => (await root.info('again')).boots === 2);
  expect((await root.info('again')).slice).toBe(inner());
});

testNeeding(noRoot(), needsOwn)('a file that is wrong stops the start, with its line', async () => {
  await root.ok(['create', 'box', '--template', 'busybox', '--set', 'Network.Private=yes']);
  await root.ok(['config', 'set', 'box', `Resources.Slice=${outer()}`]);
  for (const [line, exitCode, why] of [
    ['MemoryMax=lots', 1, /:3: MemoryMax=: "lots" is not a size/],
    ['MemoryMux=1G', 1, /:3: unknown key MemoryMux=/],
    ['OOMPolicy=freeze', 1, /:3: OOMPolicy= is no limit that containers can share/],
    ['Device=/dev/fuse', 1, /:3: Device= is no limit that containers can share/],
    ['[Exec]', 1, /:3: unknown section \[Exec\]/],
    ['AllowedCPUs=999', 5, /:3: AllowedCPUs=: the host has no CPU 999/],
  ] as const) {
    await limit(outer(), line);
    const said = await root.run(['start', 'box']);
    expect(said.stderr).toMatch(why);
    expect(said.stderr).toContain(join(SLICE_DIR, outer()));
    expect(said.exitCode, said.stderr).toBe(exitCode);
  }
});

testNeeding(noRoot(), needsOwn)('AllowedCPUs= of a slice holds for all in it', async () => {
  await limit(outer(), 'AllowedCPUs=1');
  await Promise.all([start('one', inner()), start('two', outer())]);
  for (const name of ['one', 'two']) expect(await root.sh(name, 'nproc')).toBe('1');
});

it('a name that is none is refused, with its line', async () => {
  await root.ok(['create', 'box', '--template', 'busybox']);
  for (const name of [
    'web',
    '-.slice',
    'a--b.slice',
    'a-.slice',
    '../x.slice',
    'a/b.slice',
    'a..b.slice',
    '.slice',
  ]) {
    const said = await root.run(['config', 'set', 'box', `Resources.Slice=${name}`]);
    expect(said.exitCode, name).toBe(2);
    expect(said.stderr).toMatch(/Slice=: .* is no name of a slice/);
  }
  await writeFile(join(root.layout.containerDir('box'), 'config'), '[Resources]\nSlice=web\n');
  expect((await root.run(['start', 'box'])).stderr).toMatch(
    /box\/config:2: Slice=: "web" is no name of a slice/,
  );
  const named = await root.run(['create', 'web.slice', '--template', 'busybox']);
  expect(named.exitCode).toBe(2);
  expect(named.stderr).toContain('it ends as a slice does');
});
