import { ExitCode, isErrno, TsctError } from './errors.js';

const WORDS: Readonly<Record<string, { why: string; hint?: string }>> = {
  EROFS: {
    why: 'the file system is read-only',
    hint: 'use another state root with --root DIR, or remount it writable',
  },
  ENOSPC: {
    why: 'no space left on the file system',
    hint: 'free some space, or use --root DIR on another disk',
  },
  EDQUOT: { why: 'the disk quota is used up' },
  EACCES: { why: 'permission denied', hint: 'tsct must run as root' },
  EPERM: { why: 'not permitted', hint: 'tsct must run as root' },
  EMFILE: { why: 'too many open files', hint: 'raise the limit: ulimit -n 4096' },
  EIO: { why: 'the disk reports an input/output error', hint: 'look at dmesg' },
};

/**
 * Turns a failed system call of Node into a sentence: `cannot DOING: WHY (PATH)`.
 * Anything else (a TsctError, a bug) comes back as it is.
 * @param doing what was tried, without `cannot`.
 */
export function describeSystemError(doing: string, error: unknown): unknown {
  if (error instanceof TsctError || !isErrno(error, ...Object.keys(WORDS), 'ENOENT', 'ENOTDIR', 'EEXIST')) {
    return error;
  }
  const known = WORDS[String(error.code)];
  const why = known?.why ?? String(error.message).replace(/^\w+: ([^,]*).*$/, '$1');
  const where = error.path ? ` (${error.path})` : '';
  return new TsctError(`TSCT_${error.code}`, `cannot ${doing}: ${why}${where}`, {
    exitCode: ExitCode.Failed,
    ...(known?.hint ? { hint: known.hint } : {}),
    cause: error,
  });
}
