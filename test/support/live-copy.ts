import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { programPath } from '../../src/supervisor/programs.js';
import { CHECKOUT } from './tsct.js';

/** The program that writes a tree in all ways that a copy can miss (test/guest/writer), built when it is older than its source; see guestProbe. */
export async function treeWriter(args: readonly string[]): Promise<Talking> {
  if (!process.env['TSCT_TEST_VM']) await execa('make', ['-C', `${CHECKOUT}/native`, 'build/tree-writer']);
  return new Talking(`${CHECKOUT}/native/build/tree-writer`, args);
}

/** `tsct-copy live`, driven by hand. */
export function liveCopy(from: string, to: string, env: Record<string, string> = {}): Talking {
  return new Talking(programPath('tsct-copy'), ['live', from, to], env);
}

/** A process that is spoken to line by line. */
export class Talking {
  readonly process: ChildProcess;
  readonly exit: Promise<number | string>;
  #lines: AsyncIterator<string>;

  constructor(program: string, args: readonly string[], env: Record<string, string> = {}) {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    this.process = child;
    this.exit = once(child, 'close').then(([code, signal]) => signal ?? code);
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  /** The next line it prints; empty at its end. */
  async hear(): Promise<string> {
    return (await this.#lines.next()).value ?? '';
  }

  /** Stops it with SIGSTOP, and returns when the kernel says that it stands. */
  stop(): void {
    this.process.kill('SIGSTOP');
    while (!/\) [Tt] /.test(readFileSync(`/proc/${this.process.pid}/stat`, 'utf8')));
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exit;
  }
}
