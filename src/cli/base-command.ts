import { resolve } from 'node:path';
import { string as stringArg } from '@oclif/core/args';
import { Command } from '@oclif/core/command';
import { boolean, string } from '@oclif/core/flags';
import { ExitCode, TsctError } from '../base/errors.js';
import { DEFAULT_STATE_ROOT } from '../base/paths.js';
import type { Context, Progress } from '../lifecycle/context.js';

// Without ignoreStdin oclif takes a missing argument from stdin, and nothing here reads stdin unless asked.

/** The one container that a verb is about. */
export const nameArg = stringArg({ description: 'the container', required: true, ignoreStdin: true });
/** One container or several. */
export const namesArg = stringArg({
  name: 'name',
  description: 'the containers',
  required: true,
  multiple: true,
  ignoreStdin: true,
});

/** NAME@SNAP. */
export const snapshotArg = stringArg({
  description: 'the snapshot, NAME@SNAP',
  required: true,
  ignoreStdin: true,
});
export const snapshotsArg = stringArg({
  name: 'snapshot',
  description: 'the snapshots, NAME@SNAP each',
  required: true,
  multiple: true,
  ignoreStdin: true,
});

/** A volume. */
export const volumeArg = stringArg({ description: 'the volume', required: true, ignoreStdin: true });

/** A network of tsct. */
export const networkArg = stringArg({ description: 'the network', required: true, ignoreStdin: true });

/** Several, or none beside `--all`. */
export const optionalNamesArg = stringArg({
  name: 'name',
  description: 'the containers',
  multiple: true,
  ignoreStdin: true,
});

/** Flags of every command. */
export const globalFlags = {
  root: string({
    summary: 'state root: where containers live',
    helpGroup: 'GLOBAL',
    helpValue: 'DIR',
    env: 'TSCT_ROOT',
    default: DEFAULT_STATE_ROOT,
    noCacheDefault: true,
  }),
  json: boolean({ summary: 'print JSON, errors too', helpGroup: 'GLOBAL' }),
};

/** A tsct verb: parses, makes one call into lifecycle, renders. */
export abstract class BaseCommand extends Command {
  static override baseFlags = globalFlags;

  private readonly interrupt = new AbortController();

  /** The context of a use case. From here on Ctrl-C and SIGTERM make it undo; a second one ends at once. */
  protected async context(flags: { readonly root: string }): Promise<Context> {
    const { createContext } = await import('../lifecycle/context.js');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (this.interrupt.signal.aborted) process.exit(130);
        this.interrupt.abort();
      });
    }
    return createContext({
      root: resolve(flags.root),
      signal: this.interrupt.signal,
      warn: (message) => process.stderr.write(`Warning: ${message}\n`),
      progress: showProgress,
    });
  }

  /** @throws a usage error unless there are names or `--all`, and not both. */
  protected namesOrAll(names: readonly string[] | undefined, all: boolean | undefined): readonly string[] {
    if ((names ?? []).length > 0 === Boolean(all)) {
      throw new TsctError('TSCT_USAGE', all ? 'names or --all, not both' : 'no container was named', {
        exitCode: ExitCode.Usage,
        hint: `tsct ${this.id} NAME..., or tsct ${this.id} --all`,
      });
    }
    return names ?? [];
  }

  /** Something that is worth a line to a person but is no result: to stderr. */
  protected say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  protected printJson(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  protected print(text: string): void {
    process.stdout.write(text === '' || text.endsWith('\n') ? text : `${text}\n`);
  }
}

let lineShown = false;

/** Progress goes to stderr and only to a terminal: one line, rewritten in place, gone at the end. */
function showProgress(progress: Progress): void {
  if (!process.stderr.isTTY) return;
  const percent = progress.done === undefined ? '' : ` ${Math.floor(progress.done * 100)} %`;
  if (!lineShown) process.on('exit', () => process.stderr.write('\r\x1b[K'));
  lineShown = true;
  process.stderr.write(`\r\x1b[K${progress.what}${percent}`);
}
