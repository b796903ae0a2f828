import { existsSync } from 'node:fs';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { probeTree } from '../support/guest-probe.js';
import { until, useRoot } from '../support/temp-root.js';

const root = useRoot();

interface Running {
  readonly state: string;
  readonly pid: number;
  readonly supervisorPid: number;
  readonly lastExit: { readonly cause: string; readonly code: number } | null;
}

const info = async (name: string) => (await root.ok(['info', name, '--json'])).json<Running>();

let box: Running;
/** There the supervisor is a service: systemd says its part in the environment, and takes what it says into the journal. */
const ON_SYSTEMD = existsSync('/run/systemd/system');
const FROM_SYSTEMD = ['LANG', 'NOTIFY_SOCKET', 'INVOCATION_ID', 'JOURNAL_STREAM', 'SYSTEMD_EXEC_PID'];

/** What tells it of lxcfs, and of calls that ask what that says. */
const VIEW = existsSync('/usr/bin/lxcfs')
  ? ['socket:[N]', 'anon_inode:seccomp notify', 'anon_inode:[eventpoll]', 'anon_inode:[timerfd]']
  : [];
/** What tells it that the memory limit was reached. */
const OOM = existsSync('/sys/fs/cgroup/memory/memory.oom_control')
  ? ['/sys/fs/cgroup/memory/tsct/boxN/memory.oom_control', 'anon_inode:[eventfd]']
  : ['/sys/fs/cgroup/tsct.slice/tsct-boxN.service/payload/memory.events.local'];

let tree: string;

beforeAll(async () => {
  tree = await probeTree(root.path);
  await root.ok(['create', 'box', '--template', 'busybox', '--start', '--wait']);
  box = await info('box');
});

/** A container whose init is the probe. */
async function startProbe(name: string, verb: string): Promise<Running> {
  await root.ok([
    ...['create', name, '--rootfs', tree, '--set', 'Exec.Init=/probe'],
    ...['--set', `Exec.Parameters=${verb}`, '--start'],
  ]);
  return info(name);
}

async function descriptors(pid: number): Promise<string[]> {
  const dir = `/proc/${pid}/fd`;
  const one = (fd: string) => readlink(`${dir}/${fd}`).catch(() => 'closed meanwhile');
  const links = await Promise.all((await readdir(dir)).map(one));
  return links.map((link) => link.replace(/\d{3,}|_[0-9a-f]{8}/g, 'N')).sort();
}

/** One connection to the control socket: says the line, waits for an answer, hangs up. */
function ask(line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(root.layout.controlSocket('box'), () => socket.write(line));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(String(data));
    });
    socket.once('error', reject);
    socket.once('end', () => resolve(''));
  });
}

describe('while a container runs', () => {
  test('its supervisor has dirtied 100 kB at most', async () => {
    const rollup = await readFile(`/proc/${box.supervisorPid}/smaps_rollup`, 'utf8');
    expect(Number(/Private_Dirty:\s+(\d+) kB/.exec(rollup)?.[1])).toBeLessThanOrEqual(100);
  });

  test('no Node process stays', async () => {
    const left: string[] = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      if (environment.split('\0').includes(`TSCT_ROOT=${root.path}`)) left.push(pid);
    }
    expect(left).toEqual([]);
    const environment = (await readFile(`/proc/${box.supervisorPid}/environ`, 'utf8'))
      .split('\0')
      .slice(0, -1);
    const names = environment.map((word) => word.replace(/=.*/s, '')).filter((name) => name !== 'PATH');
    if (!ON_SYSTEMD) {
      expect(environment).toEqual(['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']);
    } else expect(names.filter((name) => !FROM_SYSTEMD.includes(name))).toEqual([]);
  });

  test('its supervisor has these descriptors and no others', async () => {
    expect(await descriptors(box.supervisorPid)).toEqual(
      [
        ...['/memfd:tsct-plan (deleted)', '/dev/null', ON_SYSTEMD ? 'socket:[N]' : '/dev/null'],
        ...['anon_inode:[eventpoll]', 'anon_inode:[signalfd]', 'anon_inode:[timerfd]', 'anon_inode:[pidfd]'],
        ...['/run/tsct/boxN', '/run/tsct/boxN/lock', '/run/tsct/boxN/console.log'],
        ...['/run/tsct/.ids/N', '/run/systemd/nspawn-uid/N', '/dev/pts/ptmx', '/proc-kmsg'],
        ...['socket:[N]', 'socket:[N]'], // control and notify
        ...VIEW,
        '/', // the guest's /dev, which is mounted nowhere else
        ...OOM,
      ].sort(),
    );
  });

  test('50 statuses, consoles, orders to enter and strange requests leave no descriptor', async () => {
    const before = await descriptors(box.supervisorPid);
    const requests = [
      '1 status\n',
      '1 console 24 80\n',
      '1 enter\n',
      '1 nonsense\n',
      '9 status\n',
      `1 ${'x'.repeat(200)}`,
    ];
    for (let round = 0; round < 50; round++) {
      for (const request of requests) expect(await ask(request)).toMatch(/^\{/);
    }
    // More at once than it has places for: the rest is hung up on, and nobody is forgotten.
    await Promise.all(Array.from({ length: 60 }, () => ask('1 console 24 80\n').catch(() => '')));
    await until('all are gone', async () => (await descriptors(box.supervisorPid)).length === before.length);
    expect(await descriptors(box.supervisorPid)).toEqual(before);
    expect(await ask('1 status\n')).toContain('"state":"running"');
  });
});

describe('its supervisor', () => {
  test('sleeps while nobody inside has the console open', async () => {
    const { supervisorPid } = await startProbe('hush', 'hush');
    const ticks = async () => {
      const text = await readFile(`/proc/${supervisorPid}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return Number(fields[11]) + Number(fields[12]); // utime, stime in 1/100 s: proc_pid_stat(5) 14, 15
    };
    const before = await ticks();
    await new Promise((done) => setTimeout(done, 1500));
    expect((await ticks()) - before).toBeLessThan(10);
  });

  test('powers the system off on SIGTERM', async () => {
    await root.ok(['create', 'term', '--template', 'busybox', '--start', '--wait']);
    process.kill((await info('term')).supervisorPid, 'SIGTERM');
    await root.ok(['wait', 'term', '--for', 'stopped', '--timeout', '30']);
    expect(await info('term')).toMatchObject({ state: 'stopped', lastExit: { cause: 'poweroff' } });
  });

  test('is heard by an init that waits for its signal without a handler', async () => {
    await startProbe('waiter', 'sigwait');
    await root.ok(['stop', 'waiter']);
    expect(await info('waiter')).toMatchObject({ state: 'stopped', lastExit: { cause: 'exited', code: 7 } });
  });

  test('killed: the payload dies at once, and the next command clears up', async () => {
    const before = root.traces();
    const { pid, supervisorPid } = await startProbe('orphan', 'init');
    process.kill(supervisorPid, 'SIGKILL');
    await until('init is gone', () => !existsSync(`/proc/${pid}`), 5000);
    await root.ok(['list']);
    const left = [...root.traces()].filter((trace) => !before.has(trace));
    expect(left).toEqual([`file ${root.path}/orphan`]);
    expect(await info('orphan')).toMatchObject({ state: 'stopped' });
  });

  test('killed: an init that would outlive it is killed by the next command', async () => {
    const { pid, supervisorPid } = await startProbe('stubborn', 'stubborn');
    await until(
      'it has had its way',
      async () =>
        (await readFile(`/proc/${pid}/wchan`, 'utf8').catch(() => 'pause')) !== '' &&
        existsSync(`/proc/${pid}`),
    );
    process.kill(supervisorPid, 'SIGKILL');
    await until('the supervisor is gone', () => !existsSync(`/proc/${supervisorPid}`));
    await root.ok(['list']);
    await until('init is gone', () => !existsSync(`/proc/${pid}`), 5000);
    await root.ok(['destroy', 'stubborn']);
    await rm(tree, { recursive: true });
  });
});
