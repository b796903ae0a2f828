import { existsSync, readFileSync } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { beforeAll, expect } from 'vitest';
import { guestProbe, pairs } from '../support/guest-probe.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { SLOWNESS, until, useRoot } from '../support/temp-root.js';

// What a guest is told by system call of its CPUs and memory, where the host has lxcfs.
const it = testNeeding(noRoot());
const root = useRoot();
const CPUS = String(availableParallelism());

async function start(name: string, ...settings: string[]): Promise<void> {
  await root.start(name, ...settings);
  await root.ok(['cp', await guestProbe(), `${name}:/probe`]);
}

async function supervisor(name: string): Promise<number> {
  return (await root.ok(['info', name, '--json'])).json<{ supervisorPid: number }>().supervisorPid;
}

/** CPU seconds of the supervisor and of its children that have ended: proc_pid_stat(5) 14 to 17, in 1/100 s. */
function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const ticks = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15);
  return ticks.map(Number).reduce((sum, one) => sum + one, 0) / 100;
}

async function listeners(name: string): Promise<number> {
  const dir = `/proc/${await supervisor(name)}/fd`;
  const links = await Promise.all((await readdir(dir)).map((fd) => readlink(`${dir}/${fd}`).catch(() => '')));
  return links.filter((link) => link.includes('seccomp notify')).length;
}

beforeAll(guestProbe);

it('nproc shows a quota rounded up, at once when it changes, to init’s own children and by exec', async () => {
  await start(
    'box',
    'Resources.CPUQuota=50%',
    'Exec.Init=/bin/sh',
    `Exec.Parameters=-c 'while sleep 0.1; do nproc >/new; mv /new /nproc; done'`,
  );
  const ofChild = async (wanted: string) =>
    until(`a child sees ${wanted}`, async () => (await root.sh('box', 'cat /nproc')) === wanted);
  await ofChild('1');
  expect(await root.sh('box', 'nproc')).toBe('1');
  await root.ok(['config', 'set', 'box', 'Resources.CPUQuota=150%']);
  expect(await root.sh('box', 'nproc')).toBe('2');
  await ofChild('2');
  await root.ok(['config', 'set', 'box', 'Resources.CPUQuota=']);
  expect(await root.sh('box', 'nproc')).toBe(CPUS);
  expect((await root.ok(['exec', 'box', '-t', '-u', '1000', '--', 'nproc'])).stdout.trim()).toBe(CPUS);
});

it('shows no CPU that a process is not bound to', async () => {
  await start('box', 'Resources.CPUQuota=1000%');
  expect(await root.sh('box', 'nproc')).toBe(CPUS);
  expect(await root.sh('box', 'taskset 2 nproc; taskset 2 taskset -p $$ | sed "s/.*: //"')).toMatch(/^1\n/);
  await root.ok(['config', 'set', 'box', 'Resources.AllowedCPUs=1']);
  expect(await root.sh('box', 'nproc')).toBe('1');
  expect(await root.sh('box', 'taskset -p $$ | sed "s/.*: //"')).toBe('2');
});

it('free and uptime show the container', async () => {
  await start('box', 'Resources.MemoryMax=128M');
  const [total, used, free] = (await root.sh('box', `busybox free | awk '/^Mem/ {print $2, $3, $4}'`))
    .split(' ')
    .map(Number);
  expect(total).toBe(128 * 1024);
  expect(used).toBeLessThan(64 * 1024);
  expect(free).toBeGreaterThan(64 * 1024);
  expect(await root.sh('box', 'busybox uptime')).toMatch(/ up [01] min, .*load average: 0\.\d\d, 0\.\d\d/);
  await root.ok(['config', 'set', 'box', 'Resources.MemoryMax=64M']);
  expect(await root.sh('box', `busybox free | awk '/^Mem/ {print $2}'`)).toBe(String(64 * 1024));
});

it('answers what is asked wrongly as the kernel does, and threads each for itself', async () => {
  await start('box', 'Resources.MemoryMax=128M', 'Resources.CPUQuota=50%');
  const said = pairs(await root.sh('box', '/probe share'));
  expect(said).toMatchObject({
    ...{ cpus: '1', exact: '1', own: '1', thread: '1', 'thread-own': '1' },
    ...{ other: CPUS, 'thread-other': CPUS, nobody: 'ESRCH' },
    ...{ none: 'EINVAL', odd: 'EINVAL', null: 'EFAULT', kernel: 'EFAULT' },
    ...{ sysinfo: 'OK', 'sysinfo-null': 'EFAULT', total: String(128 * 1024), unit: '1' },
    listener: 'EBUSY', // the kernel has one for a process: tsct.conf(5) says so
  });
  expect(Number(said['bytes']) % 8).toBe(0);
  expect(Number(said['uptime'])).toBeLessThan(60);
  expect(Number(said['tasks'])).toBeLessThan(20);
});

it('keeps a listener for each command that was let in, for as long as anything of it runs', async () => {
  await start('box', 'Resources.CPUQuota=50%');
  expect(await listeners('box')).toBe(1);
  await root.sh('box', `(sleep ${2 * SLOWNESS}; nproc >/late) >/dev/null 2>&1 &`);
  expect(await listeners('box')).toBe(2);
  await until('it has ended', async () => (await listeners('box')) === 1);
  expect(await root.sh('box', 'cat /late')).toBe('1');
  await Promise.all(Array.from({ length: 8 }, () => root.sh('box', 'nproc')));
  await until('all have ended', async () => (await listeners('box')) === 1);
});

it('sees the share again after a reboot from inside, and when it was frozen while it asked', async () => {
  await start('box', 'Resources.CPUQuota=50%');
  await root.sh('box', 'touch /tmp/up');
  await root.run(['exec', 'box', '-T', '--', 'reboot']);
  await until(
    'it has rebooted',
    async () => (await root.run(['exec', 'box', '--', 'test', '-e', '/tmp/up'])).exitCode === 1,
  );
  expect(await root.sh('box', 'nproc')).toBe('1');
  await root.sh('box', '(/probe ask 3 >/asked) >/dev/null 2>&1 &');
  await root.ok(['freeze', 'box']);
  await root.ok(['thaw', 'box']);
  await until('it has ended', async () => Number(await root.sh('box', 'cat /asked')) > 100);
  expect(await listeners('box')).toBe(1);
});

// Where systemd starts the supervisor it inherits nothing.
const itInherits = testNeeding(
  noRoot(),
  existsSync('/run/systemd/system') ? 'systemd starts the supervisor' : undefined,
);
itInherits('starts without where it is in another’s guest, which has the one listener', async () => {
  const wrapper = [await guestProbe(), 'listen'];
  const settings = ['--set', 'Network.Private=yes', '--set', 'Resources.CPUQuota=50%'];
  await root.ok(['create', 'box', '--template', 'busybox', ...settings, '--start'], { wrapper });
  expect(await root.sh('box', 'nproc')).toBe(CPUS);
  expect(await listeners('box')).toBe(0);
});

it('cannot have its supervisor use up the host’s time', async () => {
  await start('box', 'Resources.CPUQuota=50%');
  const pid = await supervisor('box');
  const before = cpuSeconds(pid);
  await Promise.all([root.sh('box', '/probe ask 5'), root.sh('box', '/probe ask 5')]);
  expect(cpuSeconds(pid) - before).toBeLessThan(5 * 0.2);
  expect(
    Number(/Private_Dirty:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]),
  ).toBeLessThanOrEqual(100);
});

it('cannot have its supervisor wait for memory that nobody can look at', async () => {
  await start('box', 'Resources.CPUQuota=50%', 'Resources.Device=/dev/fuse');
  await root.sh('box', '/probe hang >/hang 2>&1 &');
  await until('it hangs', async () => (await root.sh('box', 'cat /hang')) === 'asking');
  await new Promise((done) => setTimeout(done, 2500));
  for (let times = 0; times < 3; times++) expect(await root.sh('box', 'nproc')).toBe('1');
  await root.ok(['stop', '--kill', 'box'], { timeoutMs: 20_000 });
});
