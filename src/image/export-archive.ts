import { TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { StorageTools } from '../storage/tools.js';
import { type ArchiveSummary, runArchive } from './archive.js';

/**
 * Writes an export (native/archive/import.cc tells its layout) of a tree.
 * @param options.via words of the program in whose sight the tree is there.
 * @param options.manifest descriptor of its text; options.output where the tar.zst goes.
 * @throws TSCT_ARCHIVE_FAILED for what the host refuses (full disk...).
 */
export async function exportTree(
  tools: StorageTools,
  tree: HostPath,
  doing: string,
  options: { readonly via: readonly string[]; readonly manifest: number; readonly output: number },
): Promise<ArchiveSummary> {
  let summary: ArchiveSummary | undefined;
  await runArchive(tools, ['export', tree], doing, {
    via: options.via,
    stdout: options.output,
    fds: [options.manifest],
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

/**
 * Unpacks an export into an empty directory.
 * @param source a file, or a descriptor to read from.
 * @param onManifest gets the manifest's text before anything is unpacked; what it throws ends the import.
 * @throws TSCT_BAD_ARCHIVE naming the place, TSCT_ARCHIVE_FAILED for what the host refuses.
 */
export async function importTree(
  tools: StorageTools,
  source: HostPath | number,
  into: HostPath,
  doing: string,
  onManifest: (text: string) => void,
): Promise<ArchiveSummary> {
  const refusal = new AbortController();
  let refused: unknown;
  const lines: Record<string, unknown>[] = [];
  const onStdoutLine = (text: string): void => {
    const line = JSON.parse(text) as Record<string, unknown>;
    if (typeof line['manifest'] !== 'string') return void lines.push(line);
    try {
      onManifest(line['manifest']);
    } catch (error) {
      refused = error;
      refusal.abort();
    }
  };
  const args = ['import', '--into', into, ...(typeof source === 'number' ? [] : [source])];
  try {
    await runArchive(tools, args, doing, {
      onStdoutLine,
      signal: AbortSignal.any([tools.signal, refusal.signal]),
      ...(typeof source === 'number' ? { stdin: source } : {}),
    });
  } catch (error) {
    throw refused ?? error;
  }
  if (refused) throw refused;
  const [said, summary] = lines as [Record<string, unknown>, ArchiveSummary & Record<string, unknown>];
  compare(doing, said, summary);
  return summary;
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
