import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** The checkout that is tested. */
export const CHECKOUT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const BUILT_CLI = resolve(CHECKOUT, 'bin/tsct.js');

export interface TsctOptions {
  /** State root, given as TSCT_ROOT; absent: the default one. */
  readonly root?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** Another build's `bin/tsct.js`. */
  readonly cli?: string;
  /** A command that runs what follows it. */
  readonly wrapper?: readonly string[];
}

export interface TsctResult {
  /** 128 + n when signal n ended it, as a shell says. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout parsed. */
  json<T = unknown>(): T;
}

/** Runs the built command line to its end, stdin closed unless `input` is given. Never throws for an exit code. */
export async function tsct(args: readonly string[], options: TsctOptions = {}): Promise<TsctResult> {
  const result = await spawnTsct(args, options);
  const stdout = String(result.stdout ?? '');
  return {
    exitCode: result.exitCode ?? 128 + signalNumber(result.signal, result.timedOut),
    stdout,
    stderr: String(result.stderr ?? ''),
    json: <T>() => parse<T>(args, stdout, String(result.stderr ?? '')),
  };
}

/** The same while it runs: for tests that interrupt it, or talk to it. */
export function spawnTsct(args: readonly string[], options: TsctOptions = {}) {
  const [program = '', ...words] = [
    ...(options.wrapper ?? []),
    ...[process.execPath, options.cli ?? BUILT_CLI, ...args],
  ];
  return execa(program, words, {
    reject: false,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    ...(options.input === undefined ? {} : { input: options.input }),
    env: { NO_COLOR: '1', ...(options.root ? { TSCT_ROOT: options.root } : {}), ...options.env },
    ...(options.cwd ? { cwd: options.cwd } : {}),
    timeout: options.timeoutMs ?? 120_000,
    stripFinalNewline: false,
  });
}

/** The same, failing the test with the whole output when the exit code is not 0. */
export async function tsctOk(args: readonly string[], options: TsctOptions = {}): Promise<TsctResult> {
  const result = await tsct(args, options);
  if (result.exitCode !== 0) {
    throw new Error(`tsct ${args.join(' ')}: exit ${result.exitCode}\n${result.stdout}${result.stderr}`);
  }
  return result;
}

function parse<T>(args: readonly string[], stdout: string, stderr: string): T {
  try {
    return JSON.parse(stdout) as T;
  } catch (error) {
    throw new Error(`tsct ${args.join(' ')} printed no JSON: '${stdout}' ${stderr}`, { cause: error });
  }
}

function signalNumber(signal: string | undefined, timedOut: boolean): number {
  if (timedOut) return 14;
  return { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal ?? ''] ?? 127;
}
