import { resolve } from 'node:path';
import { Command } from '@oclif/core/command';
import { boolean, string } from '@oclif/core/flags';
import { DEFAULT_STATE_ROOT } from '../base/paths.js';
import type { Context, Progress } from '../lifecycle/context.js';

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
