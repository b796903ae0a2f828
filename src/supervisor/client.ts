import { connect, type Socket } from 'node:net';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { addon } from './addon.js';
import { describeNativeError } from './native-error.js';
import { type Answer, type Event, PROTOCOL_FORMAT, type Status } from './protocol.js';

/** How long a supervisor, which never does anything long between two events, may take to answer. */
const ANSWER_TIMEOUT_MS = 10_000;

/** How long many may take together before each is asked by itself. */
const TOGETHER_MS = 500;

/**
 * Who is behind a control socket: nobody ever (`absent`), a supervisor that died and left things behind
 * (`dead`: the kernel refuses the connection), or a living one with its status.
 */
export type Presence =
  | { readonly is: 'absent' }
  | { readonly is: 'dead' }
  | { readonly is: 'alive'; readonly status: Status };

export type Command = 'halt' | 'reboot' | 'kill' | 'freeze' | 'thaw' | `signal ${number}`;

/**
 * Asks the supervisor of a container for its status.
 * @throws TSCT_NO_ANSWER, TSCT_NEWER_FORMAT (exit 5), TSCT_EACCES.
 */
export async function askStatus(socketPath: HostPath): Promise<Presence> {
  const opened = await open(socketPath);
  if (typeof opened === 'string') return { is: opened };
  for await (const line of lines(opened, 'status', ANSWER_TIMEOUT_MS)) {
    return { is: 'alive', status: checkStatus(line as Status) };
  }
  // It closed without a word: it was on its way out. Ask again: it is absent or dead now.
  return { is: 'dead' };
}

/**
 * Asks many supervisors at once: a connection of Node's for each takes longer than all their answers.
 * @returns undefined for those who did not answer: askStatus tells why.
 */
export function askStatuses(socketPaths: readonly HostPath[]): (Status | undefined)[] {
  const answers = addon().askAll(socketPaths, `${PROTOCOL_FORMAT} status\n`, TOGETHER_MS);
  return answers.map((text) => (text.endsWith('\n') ? checkStatus(JSON.parse(text)) : undefined));
}

/**
 * Gives a command and waits for the answer.
 * @returns false when there is no living supervisor.
 * @throws what the supervisor could not do, as describeNativeError says it.
 */
export async function command(socketPath: HostPath, name: string, word: Command): Promise<boolean> {
  const opened = await open(socketPath);
  if (typeof opened === 'string') return false;
  for await (const line of lines(opened, word, ANSWER_TIMEOUT_MS)) {
    const answer = line as Answer;
    if (answer.ok) return true;
    throw describeNativeError(`${word.replace(/ .*/, '')} ${name}`, answer.error);
  }
  return false;
}

/**
 * Follows a container: first its Status, then one Event after the other; ends when the container is gone
 * and everything is undone. Yields nothing when there is no living supervisor.
 * @param signal ends the iteration early.
 */
export async function* followEvents(
  socketPath: HostPath,
  signal?: AbortSignal,
): AsyncGenerator<Status | Event, void, undefined> {
  const opened = await open(socketPath);
  if (typeof opened === 'string') return;
  const close = () => opened.destroy();
  signal?.addEventListener('abort', close, { once: true });
  try {
    for await (const line of lines(opened, 'events')) {
      const item = line as Status | Event;
      yield 'event' in item ? item : checkStatus(item);
    }
  } finally {
    signal?.removeEventListener('abort', close);
  }
}

/**
 * Keeps a running container still while `work` runs; it goes on when this process dies, too.
 * @throws what the supervisor could not do, TSCT_NOT_RUNNING (exit 4), TSCT_NOT_STILL when somebody stopped it.
 */
export async function holdStill(
  socketPath: HostPath,
  name: string,
  work: () => Promise<void>,
): Promise<void> {
  const opened = await open(socketPath);
  if (typeof opened === 'string') throw notRunningAnyMore(name);
  const answers = lines(opened, 'hold', ANSWER_TIMEOUT_MS);
  try {
    const held = (await answers.next()).value as Answer | undefined;
    if (!held) throw notRunningAnyMore(name);
    if (!held.ok) throw describeNativeError(`freeze ${name}`, held.error);
    opened.setTimeout(0);
    await work();
    opened.write('release\n');
    if ((await answers.next()).value) return;
    throw new TsctError('TSCT_NOT_STILL', `cannot keep ${name} still: it was stopped meanwhile`, {
      exitCode: ExitCode.WrongState,
    });
  } finally {
    opened.destroy();
  }
}

function notRunningAnyMore(name: string): TsctError {
  return new TsctError('TSCT_NOT_RUNNING', `cannot freeze ${name}: it is not running any more`, {
    exitCode: ExitCode.WrongState,
  });
}

function checkStatus(status: Status): Status {
  if (status.format <= PROTOCOL_FORMAT) return status;
  throw new TsctError(
    'TSCT_NEWER_FORMAT',
    `cannot talk to the supervisor of ${status.name}: it speaks format ${status.format}, this tsct ${PROTOCOL_FORMAT}`,
    { exitCode: ExitCode.HostLacks, hint: 'it was started by a newer tsct: use that one' },
  );
}

async function open(socketPath: HostPath): Promise<Socket | 'absent' | 'dead'> {
  const socket = connect(socketPath);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return socket;
  } catch (error) {
    // unix(7): ECONNREFUSED is a socket file that nobody listens on any more; ECONNRESET is one whose listener went
    // before it took the connection.
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'absent';
    if (isErrno(error, 'ECONNREFUSED', 'ECONNRESET')) return 'dead';
    throw error;
  }
}

/** Sends one request and yields each line of the answer as JSON until the other side closes. */
async function* lines(socket: Socket, words: string, timeoutMs?: number): AsyncGenerator<unknown> {
  let failure: Error | undefined;
  socket.on('error', () => {}); // told by the iteration below
  if (timeoutMs !== undefined) {
    socket.setTimeout(timeoutMs, () => {
      failure = new TsctError(
        'TSCT_NO_ANSWER',
        `cannot ask the supervisor for ${words}: no answer within ${timeoutMs / 1000} s`,
        { hint: 'is the host overloaded, or the supervisor stopped by a debugger?' },
      );
      socket.destroy();
    });
  }
  socket.write(`${PROTOCOL_FORMAT} ${words}\n`);
  let rest = '';
  try {
    for await (const chunk of socket.setEncoding('utf8')) {
      const whole = `${rest}${chunk}`.split('\n');
      rest = whole.pop() ?? '';
      for (const line of whole) yield JSON.parse(line);
    }
  } catch (error) {
    // A supervisor that exits with unread bytes of ours in its queue resets: that is an end like EOF. So is our
    // own destroy(), by a timeout or the caller's signal.
    if (!isErrno(error, 'ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
  } finally {
    socket.destroy();
  }
  if (failure) throw failure;
}
