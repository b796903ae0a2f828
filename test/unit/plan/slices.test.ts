import { expect, test } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.js';
import { parseSlice } from '../../../src/definition/slice-file.js';
import type { HostFacts } from '../../../src/host/facts.js';
import { buildPlan } from '../../../src/plan/build-plan.js';
import { buildSliceLimits } from '../../../src/plan/slices.js';
import { MODERN_FACTS, SAMPLE_FACTS, sampleInput } from './sample-input.js';

const v1: HostFacts = {
  ...SAMPLE_FACTS,
  cgroup: {
    ...SAMPLE_FACTS.cgroup,
    v1: ['cpu', 'pids', 'blkio'].map((name) => ({ mount: `/sys/fs/cgroup/${name}`, controllers: [name] })),
  },
};
const v2: HostFacts = {
  ...SAMPLE_FACTS,
  cgroup: { ...MODERN_FACTS.cgroup, driver: 'v2', unifiedControllers: ['cpu', 'memory', 'pids'] },
};

const limitsOf = (facts: HostFacts, ...lines: string[]) =>
  buildSliceLimits(
    [{ name: 'a-b.slice', definition: parseSlice({ file: 'f', text: ['[Slice]', ...lines].join('\n') }) }],
    facts,
  );

test('files of the group of a slice, on either version', () => {
  expect(limitsOf(v1, 'TasksMax=9')).toEqual([
    {
      key: 'TasksMax',
      v1: '/sys/fs/cgroup/pids',
      file: 'pids.max',
      value: '9',
      group: '/tsct/a.slice/a-b.slice',
    },
  ]);
  expect(limitsOf(v2, 'CPUWeight=9')).toEqual([
    { key: 'CPUWeight', file: 'cpu.weight', value: '9', group: '/tsct/a.slice/a-b.slice' },
  ]);
});

test('what cannot be shared is refused, with its line and exit 5', () => {
  for (const [facts, line, why] of [
    [v1, 'IOReadBandwidthMax=/dev/sda 5M', /^f:2: IOReadBandwidthMax=: .* limit no disk for several/],
    [v2, 'MemoryMin=5M', /^f:2: MemoryMin=: a slice has the sum/],
    [MODERN_FACTS, 'TasksMax=9', /^f:2: TasksMax=: on a host run by systemd/],
  ] as const) {
    expect(() => limitsOf(facts, line)).toThrow(
      expect.objectContaining({ exitCode: 5, message: expect.stringMatching(why) }),
    );
  }
});

test('where systemd runs the host the unit is told its slice', () => {
  const definition = parseDefinition([{ file: 'config', text: '[Resources]\nSlice=a-b.slice\n' }]);
  const plan = buildPlan({ ...sampleInput('', { facts: MODERN_FACTS }), definition });
  expect(plan.tsct.cgroup.slice).toBe('a-b.slice');
  expect(plan.linux.cgroupsPath).toBe('a-b.slice:tsct:web');
});
