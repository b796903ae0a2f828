import { closeSync, writeSync } from 'node:fs';
import { TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { StorageTools } from '../storage/tools.js';
import { type ArchiveSummary, runArchive } from './archive.js';

export interface ExportOptions {
  readonly via: readonly string[];
  readonly manifest: number;
  readonly output: number;
  readonly changes?: number;
}

/**
 * Writes an export (native/archive/import.cc tells its layout) of a tree.
 * @param options.via words of the program in whose sight the tree is there.
 * @param options.manifest descriptor of its text; options.output where the tar.zst goes.
 * @param options.changes descriptor that says which paths are wanted (`tsct-copy diff --delta`); absent: all.
 * @throws TSCT_ARCHIVE_FAILED for what the host refuses (full disk...).
 */
export async function exportTree(
  tools: StorageTools,
  tree: HostPath,
  doing: string,
  options: ExportOptions,
): Promise<ArchiveSummary> {
  let summary: ArchiveSummary | undefined;
  const { via, manifest, output, changes } = options;
  const words = changes === undefined ? ['export', tree] : ['export', '--changes', tree];
  await runArchive(tools, words, doing, {
    via,
    stdout: output,
    fds: changes === undefined ? [manifest] : [manifest, changes],
    // Its stdout is the archive: the summary comes after the lines of progress.
    onLine: (line) => {
      if (line['format'] === 1) summary = line as unknown as ArchiveSummary;
    },
  });
  if (!summary) throw new TsctError('TSCT_ARCHIVE_FAILED', `cannot ${doing}: it did not say how it went`);
  return summary;
}

interface Checksums {
  readonly sha256?: unknown;
  readonly bytes?: unknown;
  readonly entries?: unknown;
}

/** What was said after the manifest: the checksums, the summary. @throws TSCT_BAD_ARCHIVE when they do not match. */
function checkedSummary(doing: string, lines: readonly Readonly<Record<string, unknown>>[]): ArchiveSummary {
  const [said, summary] = lines as unknown as [Record<string, unknown>, ArchiveSummary];
  compare(doing, said, summary);
  return summary;
}

/** An export of which only the manifest is read yet: the rest waits until it is known where to put it. */
export interface Arriving {
  readonly manifest: string;
  /**
   * Reads the rest.
   * @param how `into` an empty directory, or `onto` a tree, which a delta then changes.
   * @throws TSCT_BAD_ARCHIVE naming the place, TSCT_ARCHIVE_FAILED for what the host refuses.
   */
  lay(tree: HostPath, how: 'into' | 'onto'): Promise<ArchiveSummary>;
}

/**
 * Begins to read an export.
 * @param source a file, or a descriptor to read from.
 * @param pipe through which the reader is told where to put it; both ends are closed at the end.
 * @param work what comes of it; a reader that it has not asked for the rest is ended.
 */
export async function withArriving<T>(
  tools: StorageTools,
  source: HostPath | number,
  doing: string,
  pipe: readonly [read: number, write: number],
  work: (arriving: Arriving) => Promise<T>,
): Promise<T> {
  const refusal = new AbortController();
  const lines: Record<string, unknown>[] = [];
  let tell = (_manifest: string): void => {};
  const first = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const onStdoutLine = (text: string): void => {
    const line = JSON.parse(text) as Record<string, unknown>;
    if (typeof line['manifest'] === 'string') tell(line['manifest']);
    else lines.push(line);
  };
  const args = ['import', ...(typeof source === 'number' ? [] : [source])];
  const reading = runArchive(tools, args, doing, {
    onStdoutLine,
    fds: [pipe[0]],
    signal: AbortSignal.any([tools.signal, refusal.signal]),
    ...(typeof source === 'number' ? { stdin: source } : {}),
  });
  let told = false;
  const lay: Arriving['lay'] = async (tree, how) => {
    try {
      writeSync(pipe[1], `${how} ${tree}\n`);
    } catch (error) {
      await reading; // it has died, and says why
      throw error;
    }
    closeSync(pipe[1]);
    told = true;
    await reading;
    return checkedSummary(doing, lines);
  };
  try {
    const manifest = await Promise.race([first, reading.then(() => first)]);
    return await work({ manifest, lay });
  } finally {
    refusal.abort();
    await reading.catch(() => {});
    closeSync(pipe[0]);
    if (!told) closeSync(pipe[1]);
  }
}

/** Every byte was checked by zstd already, unless somebody has packed it anew. */
function compare(doing: string, found: Record<string, unknown>, { entries }: ArchiveSummary): void {
  const said = parse(String(found['checksums']));
  if (said.sha256 === found['sha256'] && said.entries === entries) return;
  throw new TsctError(
    'TSCT_BAD_ARCHIVE',
    `cannot ${doing}: "tsct/checksums.json": it is not the checksum of what comes before: something in the first ${String(found['bytes'])} bytes of the tar was changed`,
  );
}

function parse(text: string): Checksums {
  try {
    return JSON.parse(text) as Checksums;
  } catch {
    return {};
  }
}
