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
export async function* followLog(ctx: Context, name: string): AsyncGenerator<string> {
  const path = ctx.layout.consoleLog(name);
  let file = await openOptional(path);
  if (!file) return;
  let changed = Promise.withResolvers<void>();
  const watcher = watch(ctx.layout.runDir(name), () => changed.resolve());
  const stop = () => changed.reject(ctx.signal.reason);
  ctx.signal.addEventListener('abort', stop, { once: true });
  try {
    let position = (await file.stat()).size;
    for (;;) {
      changed = Promise.withResolvers<void>();
      changed.promise.catch(() => {}); // it may be rejected while nobody waits
      ctx.signal.throwIfAborted();
      const { text, size } = await readFrom(file, position);
      position += size;
      if (size > 0) {
        yield text;
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

async function readFrom(file: FileHandle, position: number): Promise<{ text: string; size: number }> {
  const { buffer, bytesRead } = await file.read({ position, buffer: Buffer.alloc(65536) });
  return { text: buffer.toString('latin1', 0, bytesRead), size: bytesRead };
}

async function openOptional(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch(ignoreMissing);
}

function ignoreMissing(error: unknown): undefined {
  if (!isErrno(error, 'ENOENT')) throw error;
}
