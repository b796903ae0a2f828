import { getSystemErrorMap } from 'node:util';
import { TsctError } from '../base/errors.js';
import { type RunOptions, run } from '../base/exec.js';
import type { HostPath } from '../base/paths.js';
import type { StorageTools } from '../storage/tools.js';

/** What tsct-archive says at its end (native/archive/report.h). */
export interface ArchiveSummary {
  readonly format: 1;
  /** `sha256:` of the uncompressed stream, or of the canonical listing of a tree (native/archive/copy.cc). */
  readonly id: string;
  readonly entries: number;
  readonly bytes: number;
  readonly devices: number;
  /** Objects of an owner that no container has (ids from 65536 on). */
  readonly foreignOwners: number;
  /** What was left behind on purpose, by name of the attribute. */
  readonly stripped: readonly { readonly name: string; readonly count: number }[];
  /** Mount points below the source: what was mounted there was not copied. */
  readonly skippedMounts: readonly string[];
}

interface Failure {
  readonly step: string;
  readonly call: string;
  readonly errno: number;
  readonly target: string;
  readonly detail: string;
}

/**
 * Unpacks a tar, plain or compressed, into an empty directory; owners stay as the archive has them.
 * @throws TSCT_BAD_ARCHIVE naming the entry, TSCT_ARCHIVE_FAILED for what the host refuses (full disk...).
 */
export function unpackTar(
  tools: StorageTools,
  tar: HostPath,
  into: HostPath,
  doing: string,
): Promise<ArchiveSummary> {
  return archive(tools, ['unpack', '--into', into, tar], doing);
}

/** Copies a tree into an empty directory, links, holes, attributes and times included. Throws as unpackTar. */
export function copyTree(
  tools: StorageTools,
  from: HostPath,
  into: HostPath,
  doing: string,
): Promise<ArchiveSummary> {
  return archive(tools, ['copy', from, into], doing);
}

/** The summary of a tree that is where it stays. */
export function measureTree(tools: StorageTools, tree: HostPath, doing: string): Promise<ArchiveSummary> {
  return archive(tools, ['digest', tree], doing);
}

interface ArchiveOptions extends Partial<RunOptions> {
  readonly via?: readonly string[];
  /** Gets every line of JSON that it says on stderr. */
  readonly onLine?: (line: Readonly<Record<string, unknown>>) => void;
}

/**
 * Runs tsct-archive, whose progress is shown and whose failure is worded.
 * @param via words of a program that runs it, such as tsct-view's; default none.
 * @returns its stdout.
 */
export async function runArchive(
  tools: StorageTools,
  args: readonly string[],
  doing: string,
  { via = [], onLine, ...more }: ArchiveOptions = {},
): Promise<string> {
  let failure: Failure | undefined;
  const onStderrLine = (line: string): void => {
    const said = parseLine(line);
    if (said) onLine?.(said);
    if (said && 'bytes' in said) {
      const done = typeof said['done'] === 'number' ? { done: said['done'] } : {};
      tools.progress({ what: `${doing}: ${megabytes(Number(said['bytes']))} MB`, ...done });
    }
    if (said && 'step' in said) failure = said as unknown as Failure;
  };
  try {
    const [program = '', ...words] = [...via, tools.archiveProgram, '--progress-fd', '2', ...args];
    return await run(program, words, { doing, onStderrLine, signal: tools.signal, ...more });
  } catch (error) {
    tools.signal.throwIfAborted();
    if (!failure || !(error instanceof TsctError) || error.code !== 'TSCT_PROGRAM_FAILED') throw error;
    throw describeFailure(failure, doing, error);
  }
}

async function archive(tools: StorageTools, args: readonly string[], doing: string): Promise<ArchiveSummary> {
  return JSON.parse(await runArchive(tools, args, doing)) as ArchiveSummary;
}

/** Rules that the input broke have no failed call; a failed call is the host's answer. */
function describeFailure(failure: Failure, doing: string, cause: unknown): TsctError {
  const where = failure.target === '' ? '' : `${JSON.stringify(failure.target)}: `;
  if (failure.call === '') {
    return new TsctError('TSCT_BAD_ARCHIVE', `cannot ${doing}: ${where}${failure.detail}`, { cause });
  }
  const [code, why] = getSystemErrorMap().get(-failure.errno) ?? [`errno ${failure.errno}`, 'unknown error'];
  const hint = code === 'ENOSPC' ? { hint: 'free some space, or use --root DIR on another disk' } : {};
  return new TsctError('TSCT_ARCHIVE_FAILED', `cannot ${doing}: ${where}${failure.step}: ${why} (${code})`, {
    ...hint,
    cause,
  });
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // a warning of the dynamic linker or the like
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
