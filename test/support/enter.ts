import { execa, type Options } from 'execa';
import { programPath } from '../../src/supervisor/programs.js';
import type { TestRoot } from './temp-root.js';

/** tsct-exec itself, which `tsct exec` becomes: a test of many need not start Node each time. Never rejects. */
export function enter<T extends Options>(root: TestRoot, name: string, args: readonly string[], options?: T) {
  return execa(programPath('tsct-exec'), ['exec', '--socket', root.layout.controlSocket(name), ...args], {
    reject: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    ...options,
  });
}

/** A shell line inside, as root; its stdout without the last newline. Fails with what it said on stderr. */
export async function inside(root: TestRoot, name: string, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await enter(root, name, ['--', 'sh', '-c', script]);
  if (exitCode !== 0) throw new Error(`'${script}' in ${name}: exit ${exitCode}: ${stderr}`);
  return String(stdout).trimEnd();
}

/** The command line of tsct-exec for a shell. */
export function enterLine(root: TestRoot, name: string, rest: string): string {
  return `${programPath('tsct-exec')} exec --socket ${root.layout.controlSocket(name)} ${rest}`;
}

/**
 * Runs a shell line on a terminal of its own, 33 rows and 99 columns, and types into it: each item once the output
 * has what it waits for. The exit code is the line's.
 */
export async function onTerminal(
  line: string,
  typed: readonly { readonly after: string | RegExp; readonly type: string }[] = [],
): Promise<{ readonly exitCode: number | undefined; readonly output: string }> {
  const child = execa('script', ['-qec', `stty rows 33 cols 99; ${line}`, '/dev/null'], {
    reject: false,
    stdin: 'pipe',
    stderr: 'pipe',
    timeout: 30_000,
    stripFinalNewline: false,
  });
  let output = '';
  const waiting = [...typed];
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    const next = waiting[0];
    if (next && (typeof next.after === 'string' ? output.includes(next.after) : next.after.test(output))) {
      waiting.shift();
      child.stdin?.write(next.type);
    }
  });
  const { exitCode } = await child;
  return { exitCode, output };
}
