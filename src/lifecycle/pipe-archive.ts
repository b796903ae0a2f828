import { spawn } from 'node:child_process';
import type { HostPath } from '../base/paths.js';
import { describeProgramFailure, isBrokenPipe } from '../supervisor/native-error.js';
import { programPath } from '../supervisor/programs.js';

/**
 * Copies a file or tree that came out of a guest to the host: without set-id bits and devices.
 */
export async function packInto(
  from: HostPath,
  to: HostPath,
  doing: string,
  signal: AbortSignal,
): Promise<void> {
  await pipe(
    [programPath('tsct-archive'), 'pack', from],
    ['--drop-privileges', 'unpack', '--target', to],
    doing,
    signal,
  );
}

/**
 * Runs a command that packs, and tsct-archive with the words that unpack what it says.
 * @throws TSCT_NATIVE, TSCT_PROGRAM_FAILED.
 */
export async function pipe(
  [packer = '', ...pack]: readonly string[],
  unpack: readonly string[],
  doing: string,
  signal: AbortSignal,
): Promise<void> {
  const program = programPath('tsct-archive');
  const writer = spawn(program, unpack, { stdio: ['pipe', 'ignore', 'pipe'], signal });
  const reader = spawn(packer, pack, { stdio: ['ignore', 'pipe', 'pipe'], signal });
  reader.stdout.pipe(writer.stdin);
  writer.stdin.on('error', () => {}); // the writer has failed and says why itself
  // Node goes on to hold what nobody reads any more: the reader would wait for ever, or we for the end of its output.
  writer.stdin.once('close', () => reader.stdout.destroy());
  const ends = await Promise.all([ending(reader), ending(writer)]);
  signal.throwIfAborted();
  const failures = ends
    .filter(({ code }) => code !== 0 && code !== 'SIGPIPE')
    .map(({ code, said }) => describeProgramFailure('tsct-archive', doing, said, code));
  // A reader that fails cuts the stream short, which the writer complains about too: the first cause counts.
  const failure = failures.find((one) => !isBrokenPipe(one)) ?? failures[0];
  if (failure) throw failure;
}

interface Ending {
  readonly code: number | string;
  readonly said: string;
}

function ending(child: ReturnType<typeof spawn>): Promise<Ending> {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  return new Promise((done, reject) => {
    child.once('error', (error) => (error.name === 'AbortError' ? undefined : reject(error)));
    child.once('close', (code, killedBy) => done({ code: killedBy ?? code ?? 1, said }));
  });
}
