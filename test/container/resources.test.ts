import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type LoopFilesystem, loopFilesystem } from '../support/loopfs.js';
import { noRoot, type Reason, testNeeding } from '../support/requires.js';
import { until, useRoot } from '../support/temp-root.js';

// Each limit is run into from inside. The same tests on hosts of control groups v1 and v2.
const it = testNeeding(noRoot());
const root = useRoot();
const MIB = 1024 * 1024;

const cpuSeconds = async (name: string) =>
  (await root.ok(['info', name, '--json'])).json<{ cpu: { usage: number } }>().cpu.usage;

/** CPU seconds that each takes of one that runs for `seconds`. */
async function shares(seconds: number, ...names: string[]): Promise<number[]> {
  for (const name of names) await root.sh(name, '(while :; do :; done) >/dev/null 2>&1 & echo $! >/burner');
  const before = await Promise.all(names.map(cpuSeconds));
  const since = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const after = await Promise.all(names.map(cpuSeconds));
  const elapsed = (performance.now() - since) / 1000;
  // The one that has the most first: beside it another may hardly come to run what ends it.
  for (const name of names.toReversed()) await root.sh(name, 'kill $(cat /burner)');
  return after.map((one, i) => (one - (before[i] ?? 0)) / elapsed);
}

const v1 = / - cgroup /.test(readFileSync('/proc/self/mountinfo', 'utf8'));
const needsV2: Reason = v1 ? 'needs control groups of version 2' : undefined;

describe('memory', () => {
  it('MemoryMax: who takes more is killed, the container goes on, the host is told how much it is', async () => {
    await root.start('small', 'Resources.MemoryMax=48M');
    const taken = await root.run([
      'exec',
      'small',
      '-T',
      '--',
      'dd',
      'if=/dev/zero',
      'of=/dev/shm/x',
      'bs=1M',
      'count=100',
    ]);
    expect(taken.exitCode).toBe(137);
    expect(await root.sh('small', 'rm -f /dev/shm/x; echo alive')).toBe('alive');
    await root.sh('small', 'dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null');
  });

  it('MemoryMax: a percentage is of the host, and root inside cannot raise it', async () => {
    await root.start('part', 'Resources.MemoryMax=1%');
    const seen = await root.run([
      'exec',
      'part',
      '-T',
      '--',
      'sh',
      '-c',
      'for f in $(find /sys/fs/cgroup -name "memory.*max*" -o -name "memory.*limit*"); do echo max >$f; done; dd if=/dev/zero of=/dev/shm/x bs=1M count=8000',
    ]);
    expect(seen.exitCode).toBe(137);
  });

  testNeeding(needsV2)('MemoryHigh: memory is taken back above it', async () => {
    await root.start('slow', 'Resources.MemoryHigh=32M');
    await root.sh('slow', 'dd if=/dev/zero of=/file bs=1M count=100 2>/dev/null');
    const { memory } = (await root.ok(['info', 'slow', '--json'])).json<{ memory: { usage: number } }>();
    expect(memory.usage).toBeLessThan(40 * MIB);
  });

  it('MemoryHigh is refused where there is none, when it is set', async () => {
    await root.ok(['create', 'old', '--template', 'busybox']);
    const { exitCode, stderr } = await root.run(['config', 'set', 'old', 'Resources.MemoryHigh=32M']);
    expect(exitCode, stderr).toBe(v1 ? 5 : 0);
    if (v1) expect(stderr).toMatch(/config:\d+: MemoryHigh=: control groups of version 1 have no such limit/);
  });
});

describe('huge pages', () => {
  const controllers = (file: string) => {
    try {
      return readFileSync(file, 'utf8').split(/\s+/);
    } catch {
      return [];
    }
  };
  const inV2 = ['', '/unified'].some((at) =>
    controllers(`/sys/fs/cgroup${at}/cgroup.controllers`).includes('hugetlb'),
  );
  const needsHugePages: Reason =
    inV2 && existsSync('/sys/kernel/mm/hugepages/hugepages-2048kB')
      ? undefined
      : 'needs huge pages of 2M and their controller in the v2 tree';

  testNeeding(noRoot(), needsHugePages)(
    'HugeTLBMax: no more huge pages than that, and more when it is raised',
    async () => {
      const pool = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages';
      const had = Number(readFileSync(pool, 'utf8'));
      const place = await mkdtemp('/tmp/tsct-huge-');
      writeFileSync(pool, String(had + 8));
      await execa('mount', ['-t', 'hugetlbfs', '-o', 'mode=1777,pagesize=2M', 'none', place]);
      try {
        await root.start('huge', `Files.Bind=${place}:/huge:noidmap`, 'Resources.HugeTLBMax=2M:8M');
        const take = (mebibytes: number) =>
          root.run(['exec', 'huge', '-T', '--', 'fallocate', '-l', `${mebibytes}M`, `/huge/${mebibytes}`]);
        expect((await take(12)).exitCode).toBe(1);
        await root.sh('huge', 'rm -f /huge/*');
        const enough = await take(8);
        expect(enough.exitCode, enough.stderr).toBe(0);
        await root.sh('huge', 'rm -f /huge/*');
        // It knows nothing of this controller, and goes through the groups again.
        if (existsSync('/run/systemd/system')) await execa('systemctl', ['daemon-reload']);
        expect((await take(12)).exitCode).toBe(1);
        await root.sh('huge', 'rm -f /huge/*');
        await root.ok(['config', 'set', 'huge', 'Resources.HugeTLBMax=2M:12M']);
        expect((await take(12)).exitCode).toBe(0);
      } finally {
        await root.run(['stop', '--kill', 'huge']);
        await execa('umount', [place]);
        await rm(place, { recursive: true });
        writeFileSync(pool, String(had));
      }
    },
  );

  testNeeding(noRoot(), inV2 ? 'needs the hugetlb controller of version 1' : undefined)(
    'HugeTLBMax is refused where the hugetlb controller is of version 1',
    async () => {
      await root.ok(['create', 'huge', '--template', 'busybox']);
      const { exitCode } = await root.run(['config', 'set', 'huge', 'Resources.HugeTLBMax=2M:8M']);
      expect(exitCode).toBe(5);
    },
  );
});

it('TasksMax ends a fork bomb, and the host stays itself', async () => {
  await root.start('bomb', 'Resources.TasksMax=40');
  const said = await root.run([
    'exec',
    'bomb',
    '-T',
    '--',
    'sh',
    '-c',
    'for i in $(seq 100); do sleep 300 >/dev/null 2>&1 & done',
  ]);
  expect(said.stderr).toMatch(/fork|Resource temporarily unavailable/);
  const { tasks } = (await root.ok(['info', 'bomb', '--json'])).json<{ tasks: { usage: number } }>();
  expect(tasks.usage).toBeLessThanOrEqual(40);
  await root.ok(['stop', 'bomb']);
});

it('who moves among groups that he made himself, with limits of his own, stays within those of the container', async () => {
  await root.start('dodger', 'Resources.TasksMax=40', 'Resources.MemoryMax=48M');
  // As an init does: its own group has children with controllers only when nobody is in it.
  await root.sh(
    'dodger',
    `cd /sys/fs/cgroup; mkdir init a b
    for pid in $(cat cgroup.procs); do echo $pid >init/cgroup.procs; done 2>/dev/null
    grep -q memory cgroup.controllers || exit 0
    echo "+memory +pids" >cgroup.subtree_control
    for limit in a/memory.max a/pids.max b/memory.max b/pids.max; do echo max >$limit; done`,
  );
  const within = (group: string, script: string) =>
    root.run([
      'exec',
      'dodger',
      '-T',
      '--',
      'sh',
      '-c',
      `echo $$ >/sys/fs/cgroup/${group}/cgroup.procs && ${script}`,
    ]);
  const take = 'dd if=/dev/zero of=/dev/shm/$$ bs=1M count=30 2>/dev/null';
  expect((await within('a', take)).exitCode).toBe(0);
  expect((await within('b', take)).exitCode).toBe(137);
  await root.sh('dodger', 'rm /dev/shm/*');
  const fork = 'for i in $(seq 25); do sleep 300 >/dev/null 2>&1 & done';
  expect((await within('a', fork)).exitCode).toBe(0);
  expect((await within('b', fork)).stderr).toMatch(/fork|Resource temporarily unavailable/);
  expect((await root.info('dodger')).tasks?.usage).toBeLessThanOrEqual(40);
});

describe('CPU', () => {
  it('CPUQuota: no more than that much of one', async () => {
    await root.start('quarter', 'Resources.CPUQuota=25%', 'Resources.CPUQuotaPeriodSec=20ms');
    const [share = 0] = await shares(3, 'quarter');
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.275);
  });

  it('CPUWeight: what two that want the same CPU get of it', async () => {
    await root.start('light', 'Resources.CPUWeight=100', 'Resources.AllowedCPUs=0');
    await root.start('heavy', 'Resources.CPUWeight=400', 'Resources.AllowedCPUs=0');
    const [light = 0, heavy = 0] = await shares(4, 'light', 'heavy');
    expect(heavy / light).toBeGreaterThan(3.2);
    expect(heavy / light).toBeLessThan(4.8);
  });

  it('CPUWeight=idle: nothing beside one that works', async () => {
    await root.start('idle', 'Resources.CPUWeight=idle', 'Resources.AllowedCPUs=0');
    await root.start('busy', 'Resources.AllowedCPUs=0');
    const [idle = 0, busy = 0] = await shares(3, 'idle', 'busy');
    expect(idle).toBeLessThan(busy / 10);
  });

  it('AllowedCPUs: the others are not there, whatever root inside asks for', async () => {
    await root.start('pinned', 'Resources.AllowedCPUs=1');
    expect(await root.sh('pinned', 'nproc')).toBe('1');
    expect((await root.run(['exec', 'pinned', '-T', '--', 'taskset', '-p', '1', '1'])).exitCode).not.toBe(0);
    expect(await root.sh('pinned', 'grep Cpus_allowed_list /proc/1/status')).toMatch(/\s1$/);
  });

  it('AllowedMemoryNodes: only those', async () => {
    await root.start('node', 'Resources.AllowedMemoryNodes=0');
    expect(await root.sh('node', 'grep Mems_allowed_list /proc/1/status')).toMatch(/\s0$/);
  });
});

describe('disks', () => {
  let disk: LoopFilesystem;
  beforeAll(async () => {
    disk = await loopFilesystem('ext4', 64 * MIB);
    await execa('dd', ['if=/dev/urandom', `of=${disk.path}/data`, 'bs=1M', 'count=16', 'oflag=direct']);
    await execa('chmod', ['a+rw', `${disk.path}/data`]);
  });
  afterAll(() => disk.dispose());

  const seconds = async (name: string, words: string) => {
    const said = await root.sh(
      name,
      `cd /disk; s=$(cut -d' ' -f1 /proc/uptime); dd ${words} 2>/dev/null; echo $s $(cut -d' ' -f1 /proc/uptime)`,
    );
    const [from = 0, to = 0] = said.split(' ').map(Number);
    return to - from;
  };

  it('IOReadBandwidthMax and IOWriteBandwidthMax: of the disk that a path lies on', async () => {
    await root.start(
      'slow',
      `Files.Bind=${disk.path}:/disk:noidmap`,
      `Resources.IOReadBandwidthMax=${disk.path} 4M`,
      `Resources.IOWriteBandwidthMax=${disk.path} 2M`,
    );
    const read = await seconds('slow', 'if=data of=/dev/null bs=1M count=12 iflag=direct');
    expect(read).toBeGreaterThan(12 / 4 - 0.5);
    expect(read).toBeLessThan(12 / 4 + 1.5);
    const write = await seconds('slow', 'if=/dev/zero of=data bs=1M count=6 oflag=direct conv=notrunc');
    expect(write).toBeGreaterThan(6 / 2 - 0.6);
  });

  it('IOReadIOPSMax and IOWriteIOPSMax', async () => {
    await root.start(
      'few',
      `Files.Bind=${disk.path}:/disk:noidmap`,
      `Resources.IOReadIOPSMax=${disk.path} 100`,
      `Resources.IOWriteIOPSMax=${disk.path} 50`,
    );
    expect(await seconds('few', 'if=data of=/dev/null bs=4k count=300 iflag=direct')).toBeGreaterThan(2.4);
    expect(
      await seconds('few', 'if=/dev/zero of=data bs=4k count=150 oflag=direct conv=notrunc'),
    ).toBeGreaterThan(2.4);
  });

  it('without them the same is done at once', async () => {
    await root.start('free', `Files.Bind=${disk.path}:/disk:noidmap`);
    expect(await seconds('free', 'if=data of=/dev/null bs=1M count=12 iflag=direct')).toBeLessThan(1.5);
  });
});

describe('what is refused, when it is set', () => {
  beforeAll(() => root.ok(['create', 'box', '--template', 'busybox']));
  for (const [setting, exitCode, why] of [
    ['MemoryMax=-1', 2, /is not a size/],
    ['MemoryMax=12Q', 2, /is not a size/],
    ['MemoryMax=99999999999999999999', 2, /is not a size/],
    ['MemoryMax=0', 2, /less than 1M/],
    ['MemoryMax=101%', 2, /not a part of the host's/],
    ['MemoryMax=900T', 5, /more than the host has/],
    ['TasksMax=0', 2, /number of tasks/],
    ['TasksMax=1e3', 2, /number of tasks/],
    ['CPUWeight=0', 2, /weight from 1 to 10000/],
    ['CPUWeight=10001', 2, /weight from 1 to 10000/],
    ['CPUQuota=50', 2, /percentage/],
    ['CPUQuota=0%', 2, /share of CPUs/],
    ['CPUQuotaPeriodSec=10s', 2, /1ms to 1s/],
    ['CPUQuotaPeriodSec=10ms', 5, /does nothing without CPUQuota=/],
    ['AllowedCPUs=999', 5, /the host has no CPU 999/],
    ['AllowedMemoryNodes=999', 5, /the host has no node of memory 999/],
    ['AllowedCPUs=1-0', 2, /not a CPU or a range/],
    ['HugeTLBMax=3M:1G', 2, /not a size of huge pages/],
    ['HugeTLBMax=2M', 2, /not a size of pages and a limit/],
    ['IOReadBandwidthMax=5M', 2, /not a path and a rate/],
    ['IOReadBandwidthMax=/dev/sda -5', 2, /not a path and a rate/],
  ] as const) {
    it(setting, async () => {
      const result = await root.run(['config', 'set', 'box', `Resources.${setting}`]);
      expect(result.stderr).toMatch(why);
      expect(result.exitCode).toBe(exitCode);
      expect((await root.ok(['config', 'show', 'box'])).stdout).not.toContain('Resources');
    });
  }

  it('but not a CPU that only tsct itself may not use', async () => {
    const wrapper = ['taskset', '-c', '0'];
    await root.ok(['config', 'set', 'box', 'Resources.AllowedCPUs=1'], { wrapper });
    await root.ok(['config', 'unset', 'box', 'Resources.AllowedCPUs']);
  });

  it('a path on no disk, at the start', async () => {
    await root.ok(['config', 'set', 'box', 'Resources.IOReadBandwidthMax=/proc 5M']);
    const { exitCode, stderr } = await root.run(['start', 'box']);
    expect(stderr).toMatch(/IOReadBandwidthMax=.*no block device/);
    expect(exitCode).toBe(5);
    await root.ok(['config', 'set', 'box', 'Resources.IOReadBandwidthMax=/no/such/disk 5M']);
    expect((await root.run(['start', 'box'])).stderr).toMatch(/\/no\/such\/disk.*no such file/);
    await root.ok(['config', 'unset', 'box', 'Resources.IOReadBandwidthMax']);
  });
});

it('limits come back with a reboot from inside', async () => {
  await root.start('again', 'Resources.TasksMax=30');
  const boots = async () => (await root.ok(['info', 'again', '--json'])).json<{ boots: number }>().boots;
  await root.sh('again', 'reboot');
  await until('it is up again', async () => (await boots()) === 2);
  const said = await root.run([
    'exec',
    'again',
    '-T',
    '--',
    'sh',
    '-c',
    'for i in $(seq 100); do sleep 300 >/dev/null 2>&1 & done',
  ]);
  expect(said.stderr).toMatch(/fork|Resource temporarily unavailable/);
});

const needsV1: Reason = v1 ? undefined : 'needs control groups of version 1';
testNeeding(noRoot(), needsV1)(
  'one that somebody moved out of its groups: not the host’s usage is shown as its own',
  async () => {
    await root.start('moved', 'Resources.MemoryMax=60M', 'Resources.TasksMax=50');
    const groups = ['memory', 'pids'].map((name) => `/sys/fs/cgroup/${name}`);
    const { pid, supervisorPid } = await root.info('moved');
    for (const top of groups) {
      const own = `${top}${new RegExp(`^\\d+:${basename(top)}:(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1]}`;
      expect(own).toMatch(/\/tsct\//);
      for (const one of readFileSync(`${own}/cgroup.procs`, 'utf8').split('\n').filter(Boolean))
        writeFileSync(`${top}/cgroup.procs`, one);
      await rmdir(own);
    }
    const lost = await root.info('moved');
    expect(lost.supervisorPid).toBe(supervisorPid);
    expect(lost.lostControllers.toSorted()).toEqual(['memory', 'pids']);
    expect(lost).toMatchObject({ memory: { usage: null, limit: null }, tasks: { usage: null } });
    expect((await root.ok(['info', 'moved'])).stdout).toMatch(
      /^Not limited: .*tsct restart moved mends it$/m,
    );
    const refused = await root.run(['config', 'set', 'moved', 'Resources.MemoryMax=70M']);
    expect(refused.exitCode, refused.stderr).toBe(5);
    expect(refused.stderr).toMatch(/MemoryMax=: .*no such file.*\n.*\n.*tsct restart moved/);
    await root.ok(['restart', 'moved']);
    expect(await root.info('moved')).toMatchObject({
      lostControllers: [],
      memory: { limit: 60 * MIB },
      tasks: { limit: 50 },
    });
  },
);
