import type { Options } from 'execa';
import { ExitCode, TsctError } from './errors.js';

/** The only file that imports execa. */

export interface RunOptions {
  /** What was being done, for the message: `cannot WHAT: ...`. */
  readonly doing: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** Descriptors for its standard input and output, instead of nothing and a pipe. */
  readonly stdin?: number;
  readonly stdout?: number;
  /** Descriptors that it gets as 3, 4, ... */
  readonly fds?: readonly number[];
  readonly timeoutMs?: number;
  /** Debian package that brings the program, named when it is missing. */
  readonly debianPackage?: string;
  readonly onStdoutLine?: (line: string) => void;
  readonly onStderrLine?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** What ends the program when `signal` fires, default SIGTERM: SIGKILL for one that ignores it (unshare --fork). */
  readonly killSignal?: 'SIGTERM' | 'SIGKILL' | 'SIGINT';
}

/**
 * Runs a host program to its end with no terminal and stdin closed.
 * @returns its stdout without the last newline.
 * @throws TSCT_PROGRAM_MISSING (exit 5), TSCT_PROGRAM_FAILED with the last lines of its stderr.
 */
export async function run(file: string, args: readonly string[], options: RunOptions): Promise<string> {
  const execaOptions: Options = {
    reject: false,
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.env ? { env: options.env } : {}),
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.signal ? { cancelSignal: options.signal } : {}),
    ...(options.killSignal ? { killSignal: options.killSignal } : {}),
    // The cast: execa takes any descriptor, its types know only those of this process's own stdio.
    stdio: [
      options.stdin ?? (options.input === undefined ? 'ignore' : 'pipe'),
      options.stdout ?? lines(options.onStdoutLine),
      lines(options.onStderrLine),
      ...(options.fds ?? []),
    ] as unknown as NonNullable<Options['stdio']>,
  };
  const { execa } = await import('execa'); // 10 ms, which verbs that run nothing need not pay
  const result = await execa(file, [...args], execaOptions);
  if (result.code === 'ENOENT') {
    throw new TsctError('TSCT_PROGRAM_MISSING', `cannot ${options.doing}: ${file} is not installed`, {
      exitCode: ExitCode.HostLacks,
      hint: `apt-get install ${options.debianPackage ?? file}`,
    });
  }
  if (result.failed) {
    const tail = String(result.stderr ?? '')
      .trimEnd()
      .split('\n')
      .slice(-8)
      .join('\n');
    throw new TsctError(
      'TSCT_PROGRAM_FAILED',
      `cannot ${options.doing}: ${file} ${result.shortMessage ? describe(result) : 'failed'}${tail ? `: ${tail}` : ''}`,
      { cause: result },
    );
  }
  return String(result.stdout ?? '');
}

/** A pipe; its lines are told one by one as well. */
function lines(tell: ((line: string) => void) | undefined) {
  if (!tell) return 'pipe' as const;
  return [
    'pipe' as const,
    function* (line: unknown) {
      tell(String(line));
      yield line;
    },
  ];
}

function describe(result: {
  exitCode?: number | undefined;
  signal?: string | undefined;
  timedOut?: boolean;
}) {
  if (result.timedOut) return 'took too long';
  return result.signal ? `was ended by ${result.signal}` : `ended with ${result.exitCode}`;
}
