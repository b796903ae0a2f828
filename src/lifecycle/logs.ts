import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { isErrno } from '../base/errors.js';
import { readConsoleLog } from './console-log.js';
import type { Context } from './context.js';

/** What the console has said; @param lines only the last so many. */
export async function logs(ctx: Context, name: string, lines?: number): Promise<string> {
  ctx.store.need(name);
  const text = await readConsoleLog(ctx, name);
  if (lines === undefined) return text;
  const all = text.replace(/\n$/, '').split('\n');
  return lines === 0 || text === '' ? '' : `${all.slice(-lines).join('\n')}\n`;
}

/**
 * What the console says from now on, until the run ends. Nothing when the container does not run.
 * The log is a ring of two files: a new file of the same name is read from its beginning.
 */
export async function* followLog(ctx: Context, name: string): AsyncGenerator<Buffer> {
  const path = ctx.layout.consoleLog(name);
  let file = await openOptional(path);
  if (!file) return;
  let changed = waker();
  const watcher = watch(ctx.layout.runDir(name), () => changed.wake());
  const stop = () => changed.wake();
  ctx.signal.addEventListener('abort', stop, { once: true });
  try {
    let position = (await file.stat()).size;
    for (;;) {
      changed = waker(); // before looking: a change in between is not missed
      ctx.signal.throwIfAborted();
      const bytes = await readFrom(file, position);
      position += bytes.length;
      if (bytes.length > 0) {
        yield bytes;
        continue;
      }
      const named = await stat(path).catch(ignoreMissing);
      if (!named) return;
      if (named.ino === (await file.stat()).ino) {
        await changed.promise;
        continue;
      }
      await file.close();
      file = await openOptional(path);
      if (!file) return;
      position = 0;
    }
  } finally {
    ctx.signal.removeEventListener('abort', stop);
    watcher.close();
    await file?.close();
  }
}

function waker(): { readonly promise: Promise<void>; readonly wake: () => void } {
  let wake = () => {};
  const promise = new Promise<void>((resolve) => {
    wake = resolve;
  });
  return { promise, wake };
}

async function readFrom(file: FileHandle, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read({ position, buffer: Buffer.alloc(65536) });
  return buffer.subarray(0, bytesRead);
}

async function openOptional(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch(ignoreMissing);
}

function ignoreMissing(error: unknown): undefined {
  if (!isErrno(error, 'ENOENT')) throw error;
}
