import { appendFileSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

const SLOWEST_SHOWN = 10;

/**
 * After the run: the ten slowest tests of each suite, every skip with its reason, and one line
 * `passed failed skipped` appended to the file that TSCT_TEST_COUNTS names, for scripts/test.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    for (const suite of new Set(modules.map((module) => module.project.name))) {
      printSlowest(
        suite,
        tests.filter((test) => test.project.name === suite),
      );
    }
    printSkipped(tests.filter((test) => test.result().state === 'skipped'));
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    // A file that does not load, or an error outside every test, is a failure too.
    const broken = modules.filter((module) => module.errors().length > 0).length + unhandled.length;
    const file = process.env['TSCT_TEST_COUNTS'];
    if (file) appendFileSync(file, `${count('passed')} ${count('failed') + broken} ${count('skipped')}\n`);
  }
}

function printSlowest(suite: string, tests: readonly TestCase[]): void {
  const timed = tests
    .map((test) => ({ test, ms: test.diagnostic()?.duration ?? 0 }))
    .sort((a, b) => b.ms - a.ms)
    .slice(0, SLOWEST_SHOWN);
  if (timed.length === 0) return;
  console.log(`\n ${suite}: slowest of ${tests.length}`);
  for (const { test, ms } of timed) {
    console.log(`  ${(ms / 1000).toFixed(2).padStart(7)} s  ${test.fullName}`);
  }
}

function printSkipped(tests: readonly TestCase[]): void {
  if (tests.length > 0) console.log('\n skipped');
  for (const test of tests) {
    const result = test.result();
    const why = result.state === 'skipped' ? result.note : undefined;
    console.log(`  ${test.project.name}: ${test.fullName}: ${why ?? 'no reason given'}`);
  }
}
