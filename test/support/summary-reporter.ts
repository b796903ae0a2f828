import { appendFileSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

const SLOWEST_SHOWN = 10;

/**
 * After the run: the ten slowest tests of each suite, every skip with its reason, a line for each test that failed or
 * that passed at a second try, which .ci/run repeats at its end, and one line `passed failed skipped` appended to the
 * file that TSCT_TEST_COUNTS names, for scripts/test.
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
    printUnsteady(tests);
    for (const module of modules) {
      for (const error of module.errors())
        console.log(`failed: ${module.relativeModuleId}: ${reason(error)}`);
    }
    for (const { message } of unhandled) console.log(`failed: outside every test: ${firstLines(message)}`);
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

function printUnsteady(tests: readonly TestCase[]): void {
  for (const test of tests) {
    const { state, errors = [] } = test.result();
    const word =
      state === 'failed' ? 'failed' : test.diagnostic()?.flaky ? 'passed at a second try' : undefined;
    if (word) console.log(`${word}: ${test.module.relativeModuleId}: ${test.fullName}: ${reason(errors[0])}`);
  }
}

/** The message, and what was there where it only says `[ Array(1) ]`. */
function reason(error: SerializedError | undefined): string {
  const actual = error?.['actual'];
  const found = typeof actual === 'string' && actual !== '' ? `: ${firstLines(actual)}` : '';
  return firstLines(error?.message ?? '') + found;
}

function firstLines(message: string): string {
  return message.split('\n', 6).join(' | ').slice(0, 600);
}
