import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect } from 'vitest';
import type { CapacityReport } from '../../src/lifecycle/capacity.js';
import type { ContainerInfo } from '../../src/lifecycle/info.js';
import type { ContainerStats } from '../../src/lifecycle/stats.js';
import { promtool } from '../support/promtool.js';
import { noRoot, testNeeding } from '../support/requires.js';
import { useRoot } from '../support/temp-root.js';

const it = testNeeding(noRoot());
const root = useRoot();
const MIB = 1024 * 1024;
const checker = process.env['TSCT_TEST_VM'] ? undefined : await promtool();

const statsOf = async (...names: string[]) =>
  (await root.ok(['stats', ...names, '--json'])).json<ContainerStats[]>();

beforeAll(async () => {
  const limits = ['MemoryMax=96M', 'TasksMax=64', 'CPUQuota=80%'].flatMap((one) => [
    '--set',
    `Resources.${one}`,
  ]);
  await root.ok(['create', 'web', '--template', 'busybox', ...limits, '--start']);
  await root.ok(['create', 'off', '--template', 'busybox']);
});

it('info tells usage and limit of each', async () => {
  await root.sh('web', 'dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null');
  const about = (await root.ok(['info', 'web', '--json'])).json<ContainerInfo>();
  expect(about.memory).toMatchObject({ limit: 96 * MIB });
  expect(about.memory?.usage).toBeGreaterThan(20 * MIB);
  expect(about.tasks?.limit).toBe(64);
  expect(about.cpu?.limit).toBeCloseTo(0.8);
  expect(about.cpu?.usage).toBeGreaterThan(0);
  expect(about.pressure?.cpu?.some.total).toBeGreaterThanOrEqual(0);
  const { stdout } = await root.ok(['info', 'web']);
  expect(stdout).toMatch(/^Memory: .* of 96.0 MiB$/m);
  expect(stdout).toMatch(/^CPU time: .*80% of a CPU at most$/m);
  await root.sh('web', 'rm /dev/shm/x');
});

it('stats counts what happened since, for those that run', async () => {
  const [before] = await statsOf();
  await root.sh(
    'web',
    'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; dd if=/dev/zero of=/file bs=1M count=4 conv=fsync 2>/dev/null; ping -c 3 -i 0.2 $(ip route | sed -n "s/default via \\([0-9.]*\\).*/\\1/p") >/dev/null',
  );
  const all = await statsOf();
  expect(all.map(({ name }) => name)).toEqual(['web']);
  const [after] = all;
  if (!before || !after) throw new Error('web has no stats');
  expect((after.cpu.usage ?? 0) - (before.cpu.usage ?? 0)).toBeGreaterThan(0.02);
  const counters = (stats: ContainerStats) => stats.network.find(({ name }) => name === 'eth0')?.counters;
  expect((counters(after)?.sentPackets ?? 0) - (counters(before)?.sentPackets ?? 0)).toBeGreaterThanOrEqual(
    3,
  );
  // A tsct that kept nothing but the plan has started it.
  rmSync(root.layout.interfacesFile('web'));
  expect(counters((await statsOf())[0] as ContainerStats)?.sentPackets).toBeGreaterThanOrEqual(3);
  expect(await statsOf('off')).toEqual([]);
  expect((await root.run(['stats', 'nobody'])).exitCode).toBe(3);
  expect((await root.ok(['stats'])).stdout).toMatch(/^NAME +CPU TIME .*\nweb +\d/);
});

it('one who is killed at the limit is counted', async () => {
  const kills = async () => (await statsOf('web'))[0]?.memory.oomKills ?? 0;
  const before = await kills();
  await root.run(['exec', 'web', '-T', '--', 'dd', 'if=/dev/zero', 'of=/dev/shm/x', 'bs=1M', 'count=200']);
  expect(await kills()).toBeGreaterThan(before);
  await root.sh('web', 'rm -f /dev/shm/x');
});

it('list has columns for limits beside what is used of them', async () => {
  const { stdout } = await root.ok(['list', '-c', 'name,memory.max,tasks,tasks.max,cpu.max,cpu']);
  expect(stdout).toMatch(/^NAME +MEMORY\.MAX +TASKS +TASKS\.MAX +CPU\.MAX +CPU\n/);
  expect(stdout).toMatch(/^off +- +- +- +- +-$/m);
  expect(stdout).toMatch(/^web +96\.0 MiB +\d+ +64 +80% +[\d.]+ s$/m);
  const plain = await root.ok(['list', '--json']);
  expect(Object.keys((await root.ok(['list', '--json', '-c', 'name'])).json<object[]>()[0] ?? {})).toEqual(
    Object.keys(plain.json<object[]>()[0] ?? {}),
  );
  const { exitCode, stderr } = await root.run(['list', '-c', 'name,colour']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/no column "colour"[\s\S]*memory\.max/);
});

it('check --capacity sums the limits of all, and ends with 5 when that is more than there is', async () => {
  const report = async () => {
    const { exitCode, json } = await root.run(['check', '--capacity', '--json']);
    return { exitCode, ...json<CapacityReport>() };
  };
  const before = await report();
  expect(before).toMatchObject({ exitCode: 0, ok: true, containers: 2 });
  const line = (from: CapacityReport, key: string) => from.lines.find((one) => one.key === key);
  expect(line(before, 'MemoryMax')).toMatchObject({ sum: 96 * MIB, unlimited: ['off'] });
  expect(line(before, 'TasksMax')?.sum).toBe(64);
  expect(line(before, 'CPUQuota')?.sum).toBeCloseTo(0.8);
  const host = line(before, 'MemoryMax')?.host ?? 0;
  expect(Math.abs(host / totalmem() - 1)).toBeLessThan(0.01);
  await root.ok(['config', 'set', 'off', 'Resources.MemoryMax=100%']);
  const after = await report();
  expect(after).toMatchObject({ exitCode: 5, ok: false });
  expect(line(after, 'MemoryMax')).toMatchObject({
    sum: host + 96 * MIB,
    unlimited: [],
    isOvercommitted: true,
  });
  const share = Math.round(((host + 96 * MIB) / host) * 100);
  expect((await root.run(['check', '--capacity'])).stdout).toMatch(
    new RegExp(`^MemoryMax .* ${share}% +0$[\\s\\S]*^Over-committed: .*MemoryMax=`, 'm'),
  );
  await root.ok(['config', 'unset', 'off', 'Resources.MemoryMax']);
});

it('metrics are lines of the agreed form, on stdout and as a file that is replaced whole', async () => {
  const { stdout } = await root.ok(['metrics']);
  const lines = stdout.trimEnd().split('\n');
  for (const line of lines.filter((one) => !one.startsWith('#'))) {
    expect(line).toMatch(
      /^tsct_\w+_(total|bytes|seconds|ratio)\{name="web"(,device="[^"]+")?\} \d[\d.e+-]*$/,
    );
  }
  expect(stdout).toMatch(/^tsct_memory_limit_bytes\{name="web"\} 100663296$/m);
  expect(stdout).toMatch(/^tsct_network_receive_bytes_total\{name="web",device="eth0"\} \d+$/m);
  const dir = mkdtempSync(join(tmpdir(), 'tsct-metrics-'));
  await root.ok(['metrics', '--output', join(dir, 'tsct.prom')]);
  expect(readFileSync(join(dir, 'tsct.prom'), 'utf8')).toContain('# TYPE tsct_cpu_seconds_total counter\n');
  rmSync(dir, { recursive: true });
});

testNeeding(checker ? undefined : 'needs promtool, and a mirror to take it from')(
  'promtool finds nothing to say about them',
  async () => {
    const { stdout: input } = await root.ok(['metrics']);
    const { all, exitCode } = await execa(checker ?? '', ['check', 'metrics'], {
      input,
      all: true,
      reject: false,
    });
    expect(all).toBe('');
    expect(exitCode).toBe(0);
  },
);
