/** Exit codes that scripts rely on (DESIGN §8). `exec` has its own: see TOOL_FAILED_EXIT. */
export const ExitCode = {
  Done: 0,
  Failed: 1,
  Usage: 2,
  NotFound: 3,
  WrongState: 4,
  HostLacks: 5,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What `tsct exec` ends with when tsct itself failed, as docker and podman do. */
export const TOOL_FAILED_EXIT = 125;

export interface TsctErrorOptions {
  readonly exitCode?: ExitCode;
  /** What the user can do about it: a command or a setting, in one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The one error family: every failure that a user can see. A plain `Error` reaching the
 * command line is a bug and is reported as one.
 *
 * The message says what was tried, on what, and why it failed: `cannot start web: ...`.
 */
export class TsctError extends Error {
  readonly code: `TSCT_${string}`;
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(code: `TSCT_${string}`, message: string, options: TsctErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TsctError';
    this.code = code;
    this.exitCode = options.exitCode ?? ExitCode.Failed;
    this.hint = options.hint;
  }
}

/** Several failures of one verb (`tsct start a b c`), or a failure and the failures of its undo. */
export class TsctErrors extends TsctError {
  readonly errors: readonly Error[];

  constructor(errors: readonly [Error, ...Error[]]) {
    const first = errors[0];
    super(first instanceof TsctError ? first.code : 'TSCT_FAILED', errors.map((e) => e.message).join('\n'), {
      exitCode: first instanceof TsctError ? first.exitCode : ExitCode.Failed,
      cause: first,
    });
    this.errors = errors;
  }
}

/** True for a Node system error with this code (`ENOENT`, ...): catch only what was expected. */
export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
