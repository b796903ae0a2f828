import { execa, type Options } from 'execa';
import { ExitCode, TsctError } from './errors.js';

/** The only file that imports execa. */

export interface RunOptions {
  /** What was being done, for the message: `cannot WHAT: ...`. */
  readonly doing: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Debian package that brings the program, named when it is missing. */
  readonly debianPackage?: string;
  readonly onStderrLine?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** What ends the program when `signal` fires, default SIGTERM: SIGKILL for one that ignores it (unshare --fork). */
  readonly killSignal?: 'SIGTERM' | 'SIGKILL';
}

/**
 * Runs a host program to its end with no terminal and stdin closed.
 * @returns its stdout without the last newline.
 * @throws TSCT_PROGRAM_MISSING (exit 5), TSCT_PROGRAM_FAILED with the last lines of its stderr.
 */
export async function run(file: string, args: readonly string[], options: RunOptions): Promise<string> {
  const execaOptions: Options = {
    reject: false,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.env ? { env: options.env } : {}),
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.signal ? { cancelSignal: options.signal } : {}),
    ...(options.killSignal ? { killSignal: options.killSignal } : {}),
    stderr: options.onStderrLine
      ? [
          'pipe',
          function* (line: unknown) {
            options.onStderrLine?.(String(line));
            yield line;
          },
        ]
      : 'pipe',
  };
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

function describe(result: {
  exitCode?: number | undefined;
  signal?: string | undefined;
  timedOut?: boolean;
}) {
  if (result.timedOut) return 'took too long';
  return result.signal ? `was ended by ${result.signal}` : `ended with ${result.exitCode}`;
}
