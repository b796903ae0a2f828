import { ExitCode, TsctError } from '../base/errors.js';
import { parseDefinition } from '../definition/parse.js';
import type { FileLock } from '../state/lock.js';
import { askStatus, command } from '../supervisor/client.js';
import { launch } from '../supervisor/launch.js';
import { describeNativeError } from '../supervisor/native-error.js';
import type { ExitRecord, StartReport } from '../supervisor/protocol.js';
import { compile } from './compile.js';
import { consoleTail } from './console-log.js';
import type { Context } from './context.js';
import { clearRunLayer, isEphemeral, throwAwayTo } from './ephemeral.js';
import { needJoined } from './joined-network.js';
import { keepCompiled } from './kept-plan.js';
import { describeExit, readLastExit } from './last-exit.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { refusePublished } from './published-ports.js';
import { refuseTakenLinks } from './taken-links.js';
import { tearDown } from './tear-down.js';
import { needVolumes } from './volume-users.js';
import { moments } from './watch.js';

export interface StartOptions {
  /** Come back when the guest says it is ready, not already when init runs. */
  readonly wait?: boolean;
  /** How long to wait for that; absent: for ever. */
  readonly timeoutMs?: number;
  /** What it writes to its root is gone when it ends, however it ends. */
  readonly ephemeral?: boolean;
}

export interface StartResult {
  readonly name: string;
  /** It ran before. */
  readonly already: boolean;
  readonly pid: number;
  readonly supervisorPid: number;
  /** What told that it is ready; empty when not waited for. */
  readonly readyBy: string;
}

/**
 * Starts a container: comes back when its init runs (or is ready).
 * @throws what compile throws, TSCT_NATIVE, TSCT_INIT_ENDED with the last lines of the console, TSCT_TIMEOUT.
 */
export async function start(ctx: Context, name: string, options: StartOptions = {}): Promise<StartResult> {
  ctx.store.need(name);
  const result = await withLock(ctx, name, (lock) =>
    startLocked(ctx, name, lock, options.ephemeral ?? false),
  );
  if (!options.wait) return result;
  return { ...result, readyBy: await waitUntilReady(ctx, name, options.timeoutMs) };
}

async function startLocked(
  ctx: Context,
  name: string,
  lock: FileLock,
  ephemeral: boolean,
): Promise<StartResult> {
  ctx.store.need(name);
  let observed = await observe(ctx, name);
  if (observed.state === 'stopping') {
    // On its way down: what was asked for is a running container, so wait and start anew.
    for await (const moment of moments(ctx, name, ctx.signal)) if (moment.state !== 'stopping') break;
    observed = await observe(ctx, name);
  }
  if (observed.status) {
    if (ephemeral && !(await isEphemeral(ctx, name))) throw keepsWrites(name);
    const { pid, supervisorPid } = observed.status;
    return { name, already: true, pid, supervisorPid, readyBy: '' };
  }
  if (observed.debris) await tearDown(ctx, name);
  await clearRunLayer(ctx, name);
  const compiled = await compile(ctx, name, ephemeral ? throwAwayTo(ctx) : 'config');
  const definition = parseDefinition(compiled.config);
  await needJoined(ctx, name, definition);
  await needVolumes(ctx, definition);
  await refusePublished(ctx, name, compiled.plan);
  await refuseTakenLinks(ctx, name, compiled.plan);
  await keepCompiled(ctx, name, compiled);
  let report: StartReport;
  try {
    report = await launch(compiled.plan, lock.fd, ctx.signal);
  } catch (error) {
    await abandon(ctx, name);
    throw error;
  }
  if (report.event === 'failed') {
    const error = describeNativeError(`start ${name}`, report.error);
    throw await withConsole(ctx, name, error, report.exit);
  }
  await refuseEnded(ctx, name);
  return { name, already: false, pid: report.pid, supervisorPid: report.supervisorPid, readyBy: '' };
}

function keepsWrites(name: string): TsctError {
  return new TsctError(
    'TSCT_RUNNING',
    `cannot start ${name} as ephemeral: it is running, and keeps what it writes`,
    {
      exitCode: ExitCode.WrongState,
      hint: `stop it first: tsct stop ${name}`,
    },
  );
}

/** After Ctrl-C, or a supervisor that died: nothing of the attempt stays. */
async function abandon(ctx: Context, name: string): Promise<void> {
  const socket = ctx.layout.controlSocket(name);
  await command(socket, name, 'kill').catch(() => false);
  if ((await askStatus(socket)).is === 'alive') {
    // A new signal: that of the context is aborted already.
    for await (const _ of moments(ctx, name, new AbortController().signal));
  }
  await tearDown(ctx, name);
}

/** An init that is gone already by now did not start, whatever exec said: told here, with what it printed. */
async function refuseEnded(ctx: Context, name: string): Promise<void> {
  const presence = await askStatus(ctx.layout.controlSocket(name));
  if (presence.is === 'alive' && presence.status.state !== 'stopping') return;
  let exit: ExitRecord | undefined;
  for await (const moment of moments(ctx, name, ctx.signal)) {
    exit = moment.exit ?? exit;
    if (moment.state !== 'stopping' && moment.state !== 'stopped') return; // Restart= has taken it up again
  }
  exit ??= (await readLastExit(ctx, name)) ?? undefined;
  if (exit && isFailure(exit)) throw await ended(ctx, name, exit);
}

function isFailure(exit: ExitRecord): boolean {
  return !exit.requested && ['exited', 'signal', 'oom-kill'].includes(exit.cause);
}

/** @returns what told that the guest is ready. */
async function waitUntilReady(ctx: Context, name: string, timeoutMs?: number): Promise<string> {
  const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signal = timeout ? AbortSignal.any([ctx.signal, timeout]) : ctx.signal;
  let exit: ExitRecord | undefined;
  try {
    for await (const moment of moments(ctx, name, signal)) {
      exit = moment.exit ?? exit;
      if (moment.ready) return moment.readyBy;
    }
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (!timeout?.aborted) throw error;
    throw new TsctError('TSCT_TIMEOUT', `${name} did not get ready within ${(timeoutMs ?? 0) / 1000} s`, {
      hint: `it goes on running; see what it is doing: tsct logs ${name}`,
    });
  }
  throw await ended(ctx, name, exit ?? (await readLastExit(ctx, name)) ?? undefined);
}

async function ended(ctx: Context, name: string, exit: ExitRecord | undefined): Promise<TsctError> {
  const how = exit ? `: ${describeExit(exit)}` : '';
  const error = new TsctError('TSCT_INIT_ENDED', `cannot start ${name}: it ended before it was ready${how}`, {
    exitCode: ExitCode.Failed,
    hint: `look at all that it said: tsct logs ${name}`,
  });
  return withConsole(ctx, name, error);
}

async function withConsole(
  ctx: Context,
  name: string,
  error: TsctError,
  exit?: ExitRecord,
): Promise<TsctError> {
  const tail = await consoleTail(ctx, name);
  const how = exit && exit.cause !== 'start-failed' ? `\n  ${describeExit(exit)}` : '';
  const said = tail.length > 0 ? `\nlast lines of its console:\n${tail.map((l) => `  ${l}`).join('\n')}` : '';
  return new TsctError(error.code, `${error.message}${how}${said}`, {
    exitCode: error.exitCode,
    ...(error.hint ? { hint: error.hint } : {}),
    cause: error,
  });
}
