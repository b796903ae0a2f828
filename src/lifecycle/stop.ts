import { constants } from 'node:os';
import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { askStatus, command } from '../supervisor/client.js';
import type { ExitRecord, NativeError } from '../supervisor/protocol.js';
import type { Context } from './context.js';
import { forEach } from './each.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { tearDown } from './tear-down.js';
import { moments } from './watch.js';

export const STOP_TIMEOUT_MS = 60_000;

export interface StopOptions {
  /** At once, without asking init. */
  readonly kill?: boolean;
  /** How long init may take before everything is killed; default 60 s. */
  readonly timeoutMs?: number;
}

export interface StopResult {
  readonly name: string;
  /** It was stopped before. */
  readonly already: boolean;
  /** It did not end by itself in time (or was not asked to). */
  readonly killed: boolean;
  readonly exit?: ExitRecord;
}

/**
 * Stops a container and comes back when everything of it is undone: asks init to power off, kills after the
 * timeout.
 */
export async function stop(ctx: Context, name: string, options: StopOptions = {}): Promise<StopResult> {
  ctx.store.need(name);
  let observed = await observe(ctx, name);
  if (!observed.status) {
    // Perhaps a start is under way, perhaps a supervisor died: whoever is at work holds the lock.
    observed = await withLock(ctx, name, async () => {
      const now = await observe(ctx, name);
      if (now.debris) await tearDown(ctx, name);
      return now;
    });
  }
  if (!observed.status) return { name, already: true, killed: false };
  return endRun(ctx, name, options);
}

async function endRun(ctx: Context, name: string, options: StopOptions): Promise<StopResult> {
  const socket = ctx.layout.controlSocket(name);
  let killed = false;
  let asked = false;
  const kill = async () => {
    killed = true;
    await killSurely(ctx, name);
  };
  let timer: NodeJS.Timeout | undefined;
  let exit: ExitRecord | undefined;
  let failure: unknown;
  try {
    for await (const moment of moments(ctx, name, ctx.signal)) {
      exit = moment.exit ?? exit;
      if (asked || moment.state === 'stopped') continue;
      if (options.kill) {
        asked = true;
        await kill();
      } else if (moment.state !== 'starting') {
        asked = moment.state === 'stopping' || (await askToHalt(socket, name));
      }
      timer ??= setTimeout(
        () => void kill().catch((error: unknown) => (failure = error)),
        options.timeoutMs ?? STOP_TIMEOUT_MS,
      );
      if (failure) throw failure;
    }
  } finally {
    clearTimeout(timer);
  }
  // The supervisor died, or could not undo all of it: done here, or told why not.
  if ((await observe(ctx, name)).debris) {
    await withLock(ctx, name, async () => {
      if ((await observe(ctx, name)).debris) await tearDown(ctx, name);
    });
  }
  return { name, already: false, killed, ...(exit ? { exit } : {}) };
}

/** @returns false when there was no init to be asked, because Restart= is starting the next one: ask that. */
async function askToHalt(socket: HostPath, name: string): Promise<boolean> {
  try {
    await command(socket, name, 'halt');
    return true;
  } catch (error) {
    const cause = error instanceof TsctError ? (error.cause as NativeError | undefined) : undefined;
    if (cause?.errno !== constants.errno.ESRCH) throw error;
    return false;
  }
}

/** By the supervisor; if that cannot, by ending the supervisor: the payload dies with it (pdeathsig). */
async function killSurely(ctx: Context, name: string): Promise<void> {
  const socket = ctx.layout.controlSocket(name);
  try {
    await command(socket, name, 'kill');
  } catch (error) {
    const presence = await askStatus(socket);
    if (presence.is !== 'alive') return;
    if (presence.status.pid !== 0) throw error;
    process.kill(presence.status.supervisorPid, 'SIGKILL'); // stuck before there was an init
  }
}

/** Asks init to reboot: same supervisor, ids and addresses. */
export async function reboot(ctx: Context, name: string): Promise<void> {
  ctx.store.need(name);
  if (!(await command(ctx.layout.controlSocket(name), name, 'reboot'))) throw notRunning('reboot', name);
}

export interface FreezeResult {
  readonly name: string;
  /** It was frozen (or running) before. */
  readonly already: boolean;
}

/** Freezes or thaws; comes back once the kernel says so. @throws TSCT_NOT_RUNNING (exit 4). */
export async function freezeEach(
  ctx: Context,
  containers: readonly string[],
  word: 'freeze' | 'thaw',
): Promise<FreezeResult[]> {
  return forEach(containers, async (name) => {
    ctx.store.need(name);
    const { state, status } = await observe(ctx, name);
    // One that is held at its memory limit goes on by itself: to be frozen is more.
    const already = word === 'freeze' ? state === 'frozen' && !status?.oomHeld : state === 'running';
    if (!already && !(await command(ctx.layout.controlSocket(name), name, word)))
      throw notRunning(word, name);
    return { name, already };
  });
}

/** @returns TSCT_NOT_RUNNING (exit 4). */
export function notRunning(doing: string, name: string): TsctError {
  return new TsctError('TSCT_NOT_RUNNING', `cannot ${doing} ${name}: it is not running`, {
    exitCode: ExitCode.WrongState,
    hint: `start it: tsct start ${name}`,
  });
}
