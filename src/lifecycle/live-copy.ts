import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { HostPath } from '../base/paths.js';
import type { Freezer, LiveCopy } from '../storage/tree-tools.js';
import { describeProgramFailure } from '../supervisor/native-error.js';
import { programPath } from '../supervisor/programs.js';

/** One line of `tsct-copy live` (native/copy/live.cc draws the talk). */
interface Said {
  readonly event: 'ready' | 'same' | 'done';
  readonly copiedBytes: number;
}

/**
 * Copies a tree that a running guest writes to. What has to be done while it stands still is the last pass alone.
 * @throws TSCT_NATIVE with the failed step, what the freezer throws; the guest goes on in any case.
 */
export async function copyLive(
  from: HostPath,
  into: HostPath,
  freeze: Freezer,
  signal: AbortSignal,
): Promise<LiveCopy> {
  const child = spawn(programPath('tsct-copy'), ['live', from, into], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal,
  });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint += String(chunk);
  });
  child.stdin.on('error', () => {}); // it has ended, and says why
  const ended = new Promise<Error | undefined>((resolve) => {
    child.once('error', resolve);
    child.once('close', (code) => resolve(code === 0 ? undefined : describe(complaint, code)));
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (event: Said['event']): Promise<Said> => {
    const { value } = await lines.next();
    const said = value === undefined ? undefined : (JSON.parse(value) as Said);
    if (said?.event === event) return said;
    signal.throwIfAborted();
    throw (await ended) ?? describe(complaint, null);
  };
  try {
    await next('ready');
    const frozenMs = await freeze(async () => {
      child.stdin.write('final\n');
      await next('same');
    });
    const { copiedBytes } = await next('done');
    const failure = await ended;
    if (failure) throw failure;
    return { copiedBytes, frozenMs };
  } finally {
    child.stdin.destroy();
    await ended;
  }
}

function describe(complaint: string, code: number | null): Error {
  return describeProgramFailure('tsct-copy', 'copy a running root', complaint, code);
}
