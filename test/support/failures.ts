import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { leftOver } from './leftovers.js';
import type { TestRoot } from './temp-root.js';
import type { TsctOptions, TsctResult } from './tsct.js';

/** What a refused command has to say and to end with. */
export interface Refusal {
  readonly exitCode: number;
  readonly says: RegExp | string;
  /** Absent: any hint will do, but there has to be one. `false`: the message says it all. */
  readonly hint?: RegExp | string | false;
}

/** Runs a command that must fail: message, hint and exit code are as told, and nothing in the root changes by it. */
export async function refused(
  root: TestRoot,
  args: readonly string[],
  refusal: Refusal,
  options: Omit<TsctOptions, 'root'> = {},
): Promise<TsctResult> {
  const before = contentsOf(root.path);
  const traces = root.traces();
  const result = await root.run(args, options);
  const said = `tsct ${args.join(' ').slice(0, 200)}: exit ${result.exitCode}\n${result.stdout}${result.stderr}`;
  expectClear(result, said);
  expect(result.exitCode, said).toBe(refusal.exitCode);
  expect(result.stderr, said).toMatch(refusal.says);
  if (refusal.hint !== false) expect(result.stderr, said).toMatch(/^Hint: ./m);
  if (refusal.hint) expect(result.stderr.replace(/^[\s\S]*?^Hint: /m, ''), said).toMatch(refusal.hint);
  expect(leftOver(traces, root.traces()), said).toEqual([]);
  expect(changes(before, contentsOf(root.path)), said).toEqual([]);
  return result;
}

/** A failure is one of tsct's own sentences, never a stack or a bare errno. */
export function expectClear(result: TsctResult, said = result.stderr): void {
  expect(said).not.toMatch(/bug in tsct|node:internal|\n {4}at /);
  if (result.exitCode !== 0) expect(result.stderr, said).toMatch(/^Error: \S/m);
}

/** Path → what is there, for everything in a state root but the layers, which are a cache, and locks. */
export function contentsOf(root: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (relative: string): void => {
    for (const name of readdirSync(join(root, relative))) {
      const path = join(relative, name);
      if (path === '.store' || path === '.locks') continue;
      const stat = lstatSync(join(root, path));
      found.set(path, `${stat.mode} ${stat.uid} ${describe(join(root, path), stat)}`);
      if (stat.isDirectory()) visit(path);
    }
  };
  visit('');
  return found;
}

function describe(path: string, stat: ReturnType<typeof lstatSync>): string {
  if (stat?.isSymbolicLink()) return readlinkSync(path);
  if (!stat?.isFile()) return '';
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** What differs, a line each. What is kept of the last start is no part of a container: it is written before each. */
export function changes(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const kept = (path: string) =>
    !/(^|\/)(\.plan\.json|\.interfaces\.json|last-exit\.json|console\.log)$/.test(path);
  const came = [...after.keys()].filter((path) => !before.has(path)).map((path) => `came: ${path}`);
  const went = [...before.keys()].filter((path) => !after.has(path)).map((path) => `went: ${path}`);
  const other = [...after]
    .filter(([path, what]) => before.has(path) && before.get(path) !== what)
    .map(([path]) => `changed: ${path}`);
  return [...came, ...went, ...other].filter(kept);
}
