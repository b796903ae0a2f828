import { existsSync } from 'node:fs';
import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TsctError } from '../base/errors.js';
import { type RunOptions, run } from '../base/exec.js';
import type { HostPath } from '../base/paths.js';
import type { BackupEngine, BackupList, Saved, SaveJob } from './backup-engine.js';
import { changedFiles, contentFiles, pathOf, removeUnfinished } from './restic-damage.js';
import { damagedError, describeFailure, failed, UnnamedDamage } from './restic-errors.js';
import type { StorageTools } from './tools.js';

/** restic tries again for a quarter of an hour: a file of a directory that is not there will not come back. */
const GIVES_UP = /Load\(<(\w+)\/([0-9a-f]+)>.*returned error, retrying/;

interface Summary {
  readonly message_type?: string;
  readonly snapshot_id: string;
  readonly files_new: number;
  readonly files_changed: number;
  readonly data_added: number;
  readonly total_files_processed: number;
  readonly total_bytes_processed: number;
  readonly percent_done?: number;
}

/** restic 0.14 or newer, over a repository in a directory. Why restic: ARCHITECTURE.md. */
export class Restic implements BackupEngine {
  constructor(
    readonly repository: HostPath,
    readonly keyFile: HostPath,
    private readonly tools: Pick<StorageTools, 'signal' | 'progress'>,
  ) {}

  isThere(): boolean {
    return existsSync(join(this.repository, 'config'));
  }

  async create(): Promise<void> {
    // Version 2 compresses (restic 0.14).
    await this.restic('make the repository', ['init', '--repository-version', '2']);
  }

  async recover(): Promise<void> {
    if (!existsSync(this.mark)) return;
    await removeUnfinished(this.repository);
    // What it had uploaded is in no index yet.
    await this.restic('take up an interrupted backup', ['rebuild-index']);
    await unlink(this.mark);
  }

  async save({ name, of, via, fds }: SaveJob): Promise<Saved> {
    await writeFile(this.mark, '', { mode: 0o600 });
    // One host a container: with the paths it tells restic which backup was the one before.
    const args = ['backup', '--json', '--host', name, '--tag', `of=${of}`, 'rootfs', 'tsct'];
    let summary: Summary | undefined;
    const onStdoutLine = (line: string): void => {
      const said = parse(line);
      if (said?.message_type === 'summary') summary = said;
      if (said?.percent_done !== undefined)
        this.tools.progress({ what: `back up ${of}`, done: said.percent_done });
    };
    try {
      await this.restic(`back up ${of}`, args, { via, fds, onStdoutLine });
    } catch (error) {
      // It keeps what it could read (its exit code 3): half a backup is none.
      if (summary) await this.remove([summary.snapshot_id]);
      throw error;
    }
    if (!summary) throw failed(`back up ${of}`, 'restic did not say how it went');
    await unlink(this.mark);
    return {
      id: summary.snapshot_id,
      files: summary.total_files_processed,
      bytes: summary.total_bytes_processed,
      filesRead: summary.files_new + summary.files_changed,
      addedBytes: summary.data_added,
    };
  }

  async list(): Promise<BackupList> {
    const text = await this.restic('list the backups', ['snapshots', '--json']);
    const snapshots = (JSON.parse(text) ?? []) as {
      readonly id: string;
      readonly short_id: string;
      readonly hostname: string;
      readonly tags?: readonly string[];
      readonly time: string;
    }[];
    const backups = snapshots.map(({ short_id, hostname, tags = [], time }) => ({
      id: short_id,
      name: hostname,
      of: tags.find((tag) => tag.startsWith('of='))?.slice(3) ?? hostname,
      createdMs: Date.parse(time),
    }));
    // What it cannot read it leaves out and says no word: a restore would take the one before for the newest.
    const read = new Set(snapshots.map(({ id }) => `snapshots/${id}`));
    const unreadable = contentFiles(this.repository, 'snapshots').filter((file) => !read.has(file));
    return { backups: backups.sort((a, b) => a.createdMs - b.createdMs), unreadable };
  }

  text(id: string, path: string): Promise<string> {
    return this.restic(`read backup ${id}`, ['dump', id, path]);
  }

  async restore(id: string, into: HostPath, only?: string): Promise<void> {
    // The words of a pattern that mean something (restic's filter, Go's path.Match) are taken as they are.
    const include = only === undefined ? [] : ['--include', only.replace(/[\\*?[]/g, '\\$&')];
    const sparse = (await this.knowsHoles()) ? ['--sparse'] : [];
    await this.restic(`restore backup ${id}`, ['restore', id, '--target', into, ...sparse, ...include]);
  }

  async verify(): Promise<string[]> {
    this.tools.progress({ what: 'read the repository' });
    const changed = await changedFiles(this.repository, this.tools.signal);
    const damaged = changed.map((file) => `${file} is not what it was: changed or cut short`);
    const errors: string[] = [];
    const onLine = (line: string): void => {
      const [, id, why] = /^pack ([0-9a-f]{64}): (.*)$/.exec(line) ?? [];
      if (id === undefined) return;
      const file = `data/${id.slice(0, 2)}/${id}`;
      if (!changed.includes(file)) errors.push(`${file}: ${why}`);
    };
    // Of what is damaged already nothing more can be told by reading it once more.
    const args = damaged.length > 0 ? ['check'] : ['check', '--read-data'];
    try {
      await this.restic('verify the repository', args, { onStdoutLine: onLine, onStderrLine: onLine });
    } catch (error) {
      if (!(error instanceof TsctError) || !/^TSCT_BACKUP_(DAMAGED|FAILED)$/.test(error.code)) throw error;
      if (damaged.length + errors.length === 0) return [error.message];
    }
    return [...damaged, ...errors];
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.restic('forget backups', ['forget', ...ids]);
    await this.restic('free what nobody needs', ['prune']);
  }

  /** From 0.15 on restic can leave zeros out; what an older one has written is taken away afterwards (mend). */
  private async knowsHoles(): Promise<boolean> {
    const [, major = 0, minor = 0] =
      /^restic (\d+)\.(\d+)/.exec(await this.restic('ask restic', ['version'])) ?? [];
    return Number(major) > 0 || Number(minor) >= 15;
  }

  /** There while a save is under way. */
  private get mark(): HostPath {
    return join(this.repository, 'tsct-unfinished');
  }

  /** One run; a lock that a killed restic left is taken away once. */
  private async restic(
    doing: string,
    args: readonly string[],
    more: Partial<RunOptions> & { readonly via?: readonly string[] } = {},
  ): Promise<string> {
    try {
      return await this.runOnce(doing, args, more);
    } catch (error) {
      if (!(error instanceof TsctError) || error.code !== 'TSCT_BUSY') throw error;
      // Removes only locks of processes that are gone.
      await this.runOnce('unlock the repository', ['unlock'], {});
      return this.runOnce(doing, args, more);
    }
  }

  private async runOnce(
    doing: string,
    args: readonly string[],
    { via = [], onStderrLine, ...more }: Partial<RunOptions> & { readonly via?: readonly string[] },
  ): Promise<string> {
    const hopeless = new AbortController();
    let lost: string | undefined;
    const watch = (line: string): void => {
      onStderrLine?.(line);
      const [, type, id] = GIVES_UP.exec(line) ?? [];
      if (type === undefined || id === undefined || lost !== undefined) return;
      // The whole name is there only when the file is not.
      lost = pathOf(this.repository, type, /[0-9a-f]{64}/.exec(line)?.[0] ?? id);
      hopeless.abort();
    };
    const [program = '', ...words] = [...via, 'restic', ...args];
    const own = ['--repo', this.repository, '--password-file', this.keyFile, '--no-cache'];
    try {
      return await run(program, [...words, ...own], {
        doing,
        debianPackage: 'restic',
        env: ENVIRONMENT,
        onStderrLine: watch,
        signal: AbortSignal.any([this.tools.signal, hopeless.signal]),
        killSignal: 'SIGINT', // upon which it takes its lock away
        ...more,
      });
    } catch (error) {
      this.tools.signal.throwIfAborted();
      if (lost !== undefined) throw damagedError(this, doing, `${lost} is not there, or cut short`);
      const described = describeFailure(this, doing, error);
      if (!(described instanceof UnnamedDamage)) throw described;
      const files = await changedFiles(this.repository, this.tools.signal);
      throw damagedError(this, doing, [...files, described.message].join('; '));
    }
  }
}

const ENVIRONMENT = {
  // Somebody's settings for his own repositories are not for this one.
  RESTIC_PASSWORD: '',
  RESTIC_PASSWORD_COMMAND: '',
  RESTIC_KEY_HINT: '',
  RESTIC_COMPRESSION: '',
  RESTIC_PROGRESS_FPS: '1',
  // Less memory for some more time (Go 1.19): the first backup of 250,000 small files took 237 MB without the limit, of
  // 500,000 it takes 261 MB with it.
  GOGC: '20',
  GOMEMLIMIT: '240MiB',
};

function parse(line: string): (Partial<Summary> & Summary) | undefined {
  try {
    return JSON.parse(line) as Summary;
  } catch {
    return undefined;
  }
}
