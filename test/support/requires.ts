import { readFileSync } from 'node:fs';
import { type TestContext, type TestFunction, test } from 'vitest';

/** Why a test cannot run here; absent: it can. Said in the list of skips at the end of the run. */
export type Reason = string | undefined;

/** A test that runs when every reason is absent, else is skipped and says why. */
export function testNeeding(...reasons: readonly Reason[]): (name: string, run: TestFunction) => void {
  const reason = reasons.find((one) => one !== undefined);
  if (reason === undefined) return (name, run) => void test(name, run);
  return (name) => void test(name, (context: TestContext) => context.skip(reason));
}

export function noRoot(): Reason {
  return process.getuid?.() === 0 ? undefined : 'needs root';
}

export function noFilesystem(type: string): Reason {
  const known = readFileSync('/proc/filesystems', 'utf8').split(/\s+/).includes(type);
  return known ? undefined : `this kernel has no ${type}`;
}
