import { defineConfig } from 'vitest/config';

// Suites that make real containers run one file at a time, after those that need nothing: they share a machine.
// In an emulated machine everything takes longer (test/vm/run).
const slowness = Number(process.env['TSCT_TEST_SLOWNESS'] ?? 1);

const project = (name: string, groupOrder: number, real?: { testTimeout: number }) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    environment: 'node' as const,
    sequence: { groupOrder },
    fileParallelism: real === undefined,
    testTimeout: (real?.testTimeout ?? 30_000) * slowness,
    retry: real ? Number(process.env['TSCT_TEST_RETRY'] ?? 0) : 0,
    hookTimeout: 180_000 * slowness,
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', 0),
      project('native', 1, { testTimeout: 120_000 }),
      project('cli', 2),
      project('container', 3, { testTimeout: 60_000 }),
      project('guest', 4, { testTimeout: 180_000 }),
      // Needs systemd as the host's init: runs in the virtual machine only.
      ...(process.env['TSCT_TEST_VM'] ? [project('vm', 5, { testTimeout: 60_000 })] : []),
    ],
    reporters: ['default', './test/support/summary-reporter.ts'],
    passWithNoTests: true,
  },
});
