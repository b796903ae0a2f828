import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { isErrno } from '../base/errors.js';
import type { Context } from './context.js';

/** How many lines a failed start shows. */
const TAIL_LINES = 10;

/**
 * What the console has said: of the run that is under way, else of the last one. Bytes as the guest wrote them.
 */
export async function readConsoleLog(ctx: Context, name: string): Promise<string> {
  const live = ctx.layout.consoleLog(name);
  const [older, newer] = await Promise.all([readOptional(`${live}.1`), readOptional(live)]);
  if (newer !== undefined) return (older ?? '') + newer;
  return (await readOptional(join(ctx.layout.containerDir(name), 'console.log'))) ?? '';
}

/** The last lines, fit to be printed: nothing in them can steer a terminal. */
export async function consoleTail(ctx: Context, name: string): Promise<string[]> {
  const text = printable(await readConsoleLog(ctx, name));
  return text.trimEnd().split('\n').slice(-TAIL_LINES).filter(Boolean);
}

/** Takes out escape sequences and control characters: the guest's output is not trusted with our terminal. */
export function printable(text: string): string {
  return (
    stripVTControlCharacters(text)
      .replace(/\r+\n/g, '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
  );
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
