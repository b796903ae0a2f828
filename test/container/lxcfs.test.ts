import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { expect } from 'vitest';
import { noRoot, olderLinux, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

// What a guest sees of CPUs and memory, by lxcfs.
const it = testNeeding(noRoot());
const root = useRoot();

const keeperDir = () => root.layout.viewRunDir;
const keeper = () => Number(readFileSync(`${keeperDir()}/keeper.lock`, 'utf8'));
const lxcfs = () => Number(readFileSync(`/proc/${keeper()}/task/${keeper()}/children`, 'utf8'));
const field = (name: string, text: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
const memory = async (name: string) => field('MemTotal', await root.sh(name, 'cat /proc/meminfo'));
const hostMemory = () => field('MemTotal', readFileSync('/proc/meminfo', 'utf8'));
const cpus = async (name: string) => Number(await root.sh(name, 'grep -c ^processor /proc/cpuinfo'));
const FILES = 'cpuinfo loadavg meminfo stat swaps uptime';

it('shows the share that limits leave it, and new limits at once', async () => {
  await root.start('box', 'Resources.MemoryMax=128M', 'Resources.CPUQuota=50%');
  expect(await memory('box')).toBe(128 * 1024);
  expect(await cpus('box')).toBe(1);
  expect(await root.sh('box', 'cat /sys/devices/system/cpu/online')).toBe('0');
  // lxcfs 5 takes it from cpuacct, which v2 does not have.
  const inStat = existsSync('/sys/fs/cgroup/cgroup.controllers') ? availableParallelism() : 1;
  expect(await root.sh('box', 'grep -c "^cpu[0-9]" /proc/stat')).toBe(String(inStat));
  expect((await root.sh('box', 'cat /proc/swaps')).split('\n')).toHaveLength(1);
  expect(Number((await root.sh('box', 'cut -d" " -f1 /proc/uptime')).trim())).toBeLessThan(60);
  expect(await root.sh('box', 'cat /proc/loadavg')).toMatch(/^0\.\d\d 0\.\d\d 0\.\d\d \d+\/\d+ \d+$/);

  await root.ok(['config', 'set', 'box', 'Resources.MemoryMax=64M', 'Resources.CPUQuota=1000%']);
  expect(await memory('box')).toBe(64 * 1024);
  expect(await cpus('box')).toBe(availableParallelism());
  await root.ok(['config', 'set', 'box', 'Resources.AllowedCPUs=0']);
  expect(await cpus('box')).toBe(1);
  expect(await root.sh('box', 'nproc')).toBe('1');
});

it('cannot be taken off by guest root', async () => {
  await root.start('box', 'Resources.MemoryMax=128M');
  const script = `for f in ${FILES}; do umount /proc/$f; umount -l /proc/$f; done 2>&1 | grep -vc "Invalid argument"; true`;
  expect(await root.sh('box', script)).toBe('0');
  expect(await memory('box')).toBe(128 * 1024);
});

it('fails no reader when lxcfs is killed, and shows the share again when it is back', async () => {
  await root.start('box', 'Resources.MemoryMax=128M');
  await root.start('other', 'Resources.MemoryMax=64M');
  const loop = `while [ ! -e /tmp/end ]; do for f in ${FILES}; do cat /proc/$f; done >/dev/null 2>>/tmp/errors; echo >>/tmp/rounds; done`;
  await root.sh('box', `(${loop}) >/dev/null 2>&1 & true`);
  for (let kills = 0; kills < 3; kills++) {
    const rounds = Number(await root.sh('box', 'wc -l </tmp/rounds || echo 0'));
    const killed = lxcfs();
    process.kill(killed, 'SIGKILL');
    await until('another one runs', () => ![0, killed].includes(lxcfs()));
    await until(
      'both see it',
      async () => (await memory('box')) === 128 * 1024 && (await memory('other')) === 64 * 1024,
    );
    await until(
      'the loop goes on',
      async () => Number(await root.sh('box', 'wc -l </tmp/rounds')) > rounds + 2,
    );
  }
  await root.sh('box', 'touch /tmp/end');
  // What lxcfs had taken and not answered comes again since kernel 6.9.
  const comesAgain = olderLinux('6.9', 'FUSE_NOTIFY_RESEND') === undefined;
  const lost = comesAgain ? 'not connected|aborted' : 'not connected';
  expect(await root.sh('box', `grep -ciE "${lost}" /tmp/errors; true`)).toBe('0');
});

it('is shown again after its keeper was killed', async () => {
  await root.start('box', 'Resources.MemoryMax=128M');
  const killed = keeper();
  process.kill(killed, 'SIGKILL');
  await until('another one runs', () => keeper() !== killed && lxcfs() > 0);
  await until('it is seen', async () => (await memory('box')) === 128 * 1024);
  await root.start('other', 'Resources.MemoryMax=64M');
  expect(await memory('other')).toBe(64 * 1024);
});

it('is one for all containers, and ends with the last', async () => {
  await Promise.all([
    root.start('box', 'Resources.MemoryMax=128M'),
    root.start('other', 'Resources.MemoryMax=64M'),
  ]);
  const one = lxcfs();
  expect([await memory('box'), await memory('other')]).toEqual([128 * 1024, 64 * 1024]);
  await root.ok(['stop', '--kill', 'box']);
  expect(lxcfs()).toBe(one);
  expect(await memory('other')).toBe(64 * 1024);
  await root.ok(['stop', '--kill', 'other']);
  expect(() => keeper()).toThrow(/ENOENT/);
});

it('is the host’s without lxcfs, which check says', async () => {
  const without = [
    'unshare',
    '--mount',
    'sh',
    '-c',
    'mount --bind /dev/null /usr/bin/lxcfs && exec "$@"',
    'sh',
  ];
  const set = ['Network.Private=yes', 'Resources.MemoryMax=128M'].flatMap((one) => ['--set', one]);
  await root.ok(['create', 'box', '--template', 'busybox', ...set, '--start'], { wrapper: without });
  expect(await memory('box')).toBe(hostMemory());
  const said = await root.run(['check'], { wrapper: without });
  expect(said.stdout).toMatch(/lxcfs +not installed.*\n +fix: apt-get install lxcfs/);
});
