import { constants } from 'node:os';
import { TsctError, type TsctErrorOptions } from '../base/errors.js';
import { HINTS } from './native-hints.js';
import type { NativeError } from './protocol.js';

// Two names for one number: the last counts, and EAGAIN is better known than EWOULDBLOCK.
const ERRNO_NAMES = new Map(
  [...Object.entries(constants.errno), ['EAGAIN', constants.errno.EAGAIN] as const].map(([name, value]) => [
    value,
    name,
  ]),
);

/** Words for the numbers of errno(3) that tsct's steps meet. */
const ERRNO_WORDS: Readonly<Record<string, string>> = {
  EPERM: 'not permitted',
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EBUSY: 'busy',
  EEXIST: 'exists already',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EINVAL: 'the kernel does not take these arguments',
  ENOSPC: 'no space left, or a limit on the number of objects is reached',
  EROFS: 'read-only file system',
  ELOOP: 'too many symbolic links, or one that leads out of the root',
  ENOSYS: 'this kernel does not have the call',
  EOPNOTSUPP: 'this file system or kernel does not support it',
  ENOEXEC: 'not a program that this machine can run',
  ENOMEM: 'out of memory',
  EXDEV: 'leads out of the root, or to another file system',
  EAGAIN: 'a limit is reached',
  EDQUOT: 'the quota is used up',
  ETIMEDOUT: 'it took too long',
  EMFILE: 'more files would have to be open than ulimit -n allows',
  ENOTEMPTY: 'not empty',
  ENODEV: 'no such device',
  ENETDOWN: 'the link is down',
  ESRCH: 'no such process',
  ENETUNREACH: 'out of reach of every address of the interface',
  EADDRINUSE: 'taken already',
  EADDRNOTAVAIL: 'this host does not have the address',
  ENOTTY: 'this file system does not have the call',
};

/**
 * Turns a failed step of a native program into the error that the user reads. The only place that does.
 * @param doing what the user asked for, without `cannot`: `start web`.
 */
export function describeNativeError(doing: string, error: NativeError): TsctError {
  const errno = ERRNO_NAMES.get(error.errno);
  const what = error.target ? `${error.step} ${error.target}` : error.step;
  const why = [
    error.detail,
    errno &&
      `${error.call ? `${error.call}: ` : ''}${errno}${ERRNO_WORDS[errno] ? ` (${ERRNO_WORDS[errno]})` : ''}`,
  ].filter(Boolean);
  const rule = HINTS.find((r) => r.step.test(error.step) && (!r.errno || (errno && r.errno.includes(errno))));
  const options: TsctErrorOptions = {
    ...(rule ? { hint: rule.hint } : {}),
    ...(rule?.exitCode === undefined ? {} : { exitCode: rule.exitCode }),
    cause: error,
  };
  const message = `cannot ${doing}: ${what}${why.length > 0 ? `: ${why.join(': ')}` : ''}`;
  return new TsctError('TSCT_NATIVE', message, options);
}

/**
 * Words the failure of a native program: the line of JSON that it ends with, else whatever it said.
 * @param said its stderr. @param code what it ended with, or the name of the signal.
 */
export function describeProgramFailure(
  program: string,
  doing: string,
  said: string,
  code: number | string | null,
): TsctError {
  const line = said.split('\n').find((text) => text.startsWith('{') && text.includes('"step"'));
  if (line !== undefined) {
    const parsed = JSON.parse(line) as NativeError | { readonly error: NativeError };
    return describeNativeError(doing, 'error' in parsed ? parsed.error : parsed);
  }
  const text = said.trim();
  return new TsctError(
    'TSCT_PROGRAM_FAILED',
    `cannot ${doing}: ${program} ended with ${code}${text && `: ${text}`}`,
  );
}

/** True for a step that failed because whoever it told of it had gone: that one's failure is the cause. */
export function isBrokenPipe(error: unknown): boolean {
  const cause = error instanceof TsctError ? (error.cause as { errno?: unknown } | undefined) : undefined;
  return cause?.errno === constants.errno.EPIPE;
}
