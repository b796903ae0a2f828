import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EXEC_KEYS } from '../../../src/definition/exec-keys.js';
import { parseDefinition } from '../../../src/definition/parse.js';
import { RESOURCE_KEYS } from '../../../src/definition/resource-keys.js';
import type { HostFacts } from '../../../src/host/facts.js';
import { buildPlan } from '../../../src/plan/build-plan.js';
import { limitChanges, withLimits } from '../../../src/plan/limit-change.js';
import { buildLimits } from '../../../src/plan/limits.js';
import { OTHER_ROWS, RESOURCE_TABLE } from '../../container/resource-table.js';
import { MODERN_FACTS, SAMPLE_FACTS, sampleInput } from './sample-input.js';

const CONTROLLERS = ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb'];
const v1Controllers = CONTROLLERS.map((name) => (name === 'io' ? 'blkio' : name));
const HOSTS: Readonly<Record<'v1' | 'v2', HostFacts>> = {
  v1: {
    ...SAMPLE_FACTS,
    cgroup: {
      ...SAMPLE_FACTS.cgroup,
      v1: v1Controllers.map((name) => ({ mount: `/sys/fs/cgroup/${name}`, controllers: [name] })),
    },
  },
  v2: { ...MODERN_FACTS, cgroup: { ...MODERN_FACTS.cgroup, unifiedControllers: CONTROLLERS } },
};

const limitsOf = (host: 'v1' | 'v2', ...settings: string[]) =>
  buildLimits(
    parseDefinition([{ file: 'config', text: ['[Resources]', ...settings].join('\n') }]),
    HOSTS[host],
  );

const testsDir = new URL('../../container/', import.meta.url);
const tests = readdirSync(testsDir)
  .filter((name) => /^resources.*\.test\.ts$/.test(name))
  .map((name) => readFileSync(new URL(name, testsDir), 'utf8'))
  .join('');

test('every limit has a row in a table of what becomes of it, and no other has', () => {
  const resources = Object.keys(RESOURCE_KEYS).map((key) => `Resources.${key}`);
  const limits = Object.keys(EXEC_KEYS).filter((key) =>
    /^(Limit[A-Z]+|OOMScoreAdjust|CPUAffinity)$/.test(key),
  );
  const rows = [...Object.keys(RESOURCE_TABLE).map((key) => `Resources.${key}`), ...Object.keys(OTHER_ROWS)];
  expect(rows.sort()).toEqual([...resources, ...limits.map((key) => `Exec.${key}`)].sort());
});

test.each(Object.entries(OTHER_ROWS))('%s', (_, { file, v1, v2 }) => {
  const text = readFileSync(new URL(`${file}.test.ts`, testsDir), 'utf8');
  for (const { test: name } of [v1, v2]) expect(text, 'a test of that name').toContain(`'${name}'`);
});

describe.each(['v1', 'v2'] as const)('on a host of %s', (host) => {
  test.each(Object.entries(RESOURCE_TABLE))('%s', (key, row) => {
    const settings = [...(row.with === undefined ? [] : [row.with]), `${key}=${row.value}`];
    const { is, test: name } = row[host];
    expect(tests, 'a test of that name').toContain(`'${name}'`);
    if (is === 'refused') return expect(() => limitsOf(host, ...settings)).toThrow(`${key}=:`);
    expect(limitsOf(host, ...settings)).not.toEqual([]);
    // What is unset while it runs goes back to what a new group has.
    const plan = buildPlan(sampleInput(''));
    const limited = withLimits(plan, limitsOf(host, ...settings));
    const back = limitChanges(limited, plan);
    expect(new Set(back.map(({ file }) => file))).toEqual(
      new Set([
        ...(key === 'CPUWeight' ? ['cpu.idle'] : []),
        ...(limited.tsct.cgroup.limits ?? []).map(({ file }) => file),
      ]),
    );
    expect(back.every(({ reset }) => reset)).toBe(true);
  });
});

test('a limit whose controller is not handed down to us is refused, with its name', () => {
  const few = { ...HOSTS.v2, cgroup: { ...HOSTS.v2.cgroup, unifiedControllers: ['cpu', 'pids'] } };
  const definition = parseDefinition([{ file: 'config', text: '[Resources]\nMemoryMax=1G\n' }]);
  expect(() => buildLimits(definition, few)).toThrow(
    'config:2: MemoryMax=: this host has no memory controller',
  );
});

test('one that was idle takes a weight only when it is so no more', () => {
  const plan = buildPlan(sampleInput(''));
  const idle = withLimits(plan, limitsOf('v2', 'CPUWeight=idle'));
  const heavy = withLimits(plan, limitsOf('v2', 'CPUWeight=300'));
  const written = (from: typeof plan, to: typeof plan) =>
    limitChanges(from, to).map(({ file, value }) => `${file}=${value}`);
  expect(written(idle, heavy)).toEqual(['cpu.idle=0', 'cpu.idle=0', 'cpu.weight=300']);
  expect(written(heavy, idle)).toEqual(['cpu.idle=0', 'cpu.weight=100', 'cpu.idle=1']);
});

test('of two paths on what may be one disk the one that stays is written again', () => {
  const plan = buildPlan(sampleInput(''));
  const two = withLimits(plan, limitsOf('v1', 'IOReadIOPSMax=/a 5', 'IOReadIOPSMax=/b 6', 'TasksMax=9'));
  const one = withLimits(plan, limitsOf('v1', 'IOReadIOPSMax=/b 6', 'TasksMax=9'));
  expect(limitChanges(two, one).map(({ device, value }) => `${device} ${value}`)).toEqual(['/a 0', '/b 6']);
});

test('weights of single disks are written again when the one for all is', () => {
  const plan = buildPlan(sampleInput(''));
  const one = withLimits(plan, limitsOf('v1', 'IOWeight=200', 'IODeviceWeight=/a 300'));
  const other = withLimits(plan, limitsOf('v1', 'IOWeight=400', 'IODeviceWeight=/a 300'));
  const written = (from: typeof plan, to: typeof plan) =>
    limitChanges(from, to).map(({ file, value }) => `${file}=${value}`);
  const again = 'blkio.bfq.weight_device=300';
  expect(written(one, other)).toEqual(['blkio.bfq.weight=400', again]);
  const alone = withLimits(plan, limitsOf('v1', 'IODeviceWeight=/a 300'));
  expect(written(one, alone)).toEqual(['blkio.bfq.weight=100', again]);
});

test('a CPU that is offline, between others that are online, is one that the host does not have', () => {
  const facts = { ...HOSTS.v2, cpus: [0, 2, 3, 4, 7] };
  const limits = (cpus: string) =>
    buildLimits(parseDefinition([{ file: 'config', text: `[Resources]\nAllowedCPUs=${cpus}` }]), facts);
  expect(limits('7 2-3').map(({ value }) => value)).toEqual(['2,3,7']);
  expect(() => limits('1')).toThrow('the host has no CPU 1, only 0,2-4,7');
});
