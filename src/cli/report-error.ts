import { ExitCode, TOOL_FAILED_EXIT, TsctError, TsctErrors } from '../base/errors.js';
import { describeSystemError } from '../base/system-error.js';
import { explainUsage } from './usage-error.js';

/** What an error of oclif carries (a wrong flag, a missing argument, `this.exit()`). */
interface OclifError extends Error {
  readonly oclif: { readonly exit?: number };
  readonly code?: string;
}

/**
 * Writes a failure for the user and says what the process has to end with. With `--json` it goes to stdout
 * as `{"error":{"code","message","hint"}}`, else to stderr as `Error: ...`.
 * @param argv the words of the command line without `node` and script.
 * @param commands ids of all commands.
 */
export function reportError(thrown: unknown, argv: readonly string[], commands: readonly string[]): number {
  const error = describeSystemError(`run tsct ${argv[0] ?? ''}`.trim(), thrown);
  if (isOclif(error) && error.code === 'EEXIT') return error.oclif.exit ?? ExitCode.Done;
  const options = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const errors = (error instanceof TsctErrors ? error.errors : [error]).map((one) =>
    isOclif(one) ? usageError(one, argv, commands) : one,
  );
  if (options.includes('--json')) process.stdout.write(`${JSON.stringify(toJson(errors, options))}\n`);
  else process.stderr.write(errors.map((one) => toText(one, options)).join(''));
  return argv[0] === 'exec' ? TOOL_FAILED_EXIT : exitCode(error);
}

function exitCode(error: unknown): number {
  if (error instanceof TsctError) return error.exitCode;
  if (isAbort(error)) return 128 + 2;
  if (isOclif(error)) return ExitCode.Usage;
  return ExitCode.Failed;
}

function toText(error: unknown, argv: readonly string[]): string {
  if (error instanceof TsctError) {
    return `Error: ${error.message}\n${error.hint ? `Hint: ${error.hint}\n` : ''}`;
  }
  if (isAbort(error)) return `Error: ${interruption(argv)}\n`;
  const stack = error instanceof Error ? error.stack : String(error);
  return `Error: this is a bug in tsct, please report it with these lines:\n${stack}\n`;
}

function toJson(errors: readonly unknown[], argv: readonly string[]): unknown {
  const [first, ...others] = errors.map((error) => {
    if (error instanceof TsctError) {
      return { code: error.code, message: error.message, ...(error.hint ? { hint: error.hint } : {}) };
    }
    if (isAbort(error)) return { code: 'TSCT_INTERRUPTED', message: interruption(argv) };
    return { code: 'TSCT_BUG', message: error instanceof Error ? String(error.stack) : String(error) };
  });
  return { error: first, ...(others.length > 0 ? { others } : {}) };
}

function usageError(error: Error, argv: readonly string[], commands: readonly string[]): TsctError {
  const { message, hint } = explainUsage(error, argv, commands);
  return new TsctError('TSCT_USAGE', message, { exitCode: ExitCode.Usage, hint, cause: error });
}

/** A command that has come as far as waiting, or never changes anything, has undone nothing. */
function interruption(argv: readonly string[]): string {
  const undoes = argv[0] === 'create' || argv[0] === 'start';
  const waits = argv.some((word) => ['--wait', '-w', '--start'].includes(word));
  return undoes && !waits
    ? 'interrupted; everything was undone'
    : 'interrupted; see how things are: tsct list';
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function isOclif(error: unknown): error is OclifError {
  return error instanceof Error && 'oclif' in error;
}
