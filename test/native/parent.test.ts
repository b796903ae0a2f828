import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programPath } from '../../src/supervisor/programs.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsct-parent-'));
  writeFileSync(join(dir, 'file'), 'content');
});
afterAll(() => rmSync(dir, { recursive: true }));

/** As its program finds it that was killed before the program's first line: the parent lives, its end does not. */
function signalOfAbandoned(program: string, args: readonly string[]): Promise<string | null> {
  // The shell keeps the program from its first line until the other end is gone.
  const child = spawn('/bin/sh', ['-c', 'read go; exec "$0" "$@"', program, ...args], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  child.stderr.destroy();
  child.stderr.once('close', () => child.stdin.end('go\n'));
  return new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
}

test.each([
  ['tsct-copy', (to: string) => ['tree', dir, to]],
  ['tsct-archive', (to: string) => ['copy', dir, to]],
  ['tsct-view', (to: string) => ['--at', dir, '--tree', dir, '--', 'touch', to]],
  ['tsct-setup', (to: string) => ['edit', to]],
] as const)('%s does nothing for a caller that was killed before it began', async (name, argsOf) => {
  const to = join(dir, name);
  expect(await signalOfAbandoned(programPath(name), argsOf(to))).toBe('SIGKILL');
  expect(existsSync(to)).toBe(false);
});
