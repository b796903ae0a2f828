import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TsctError } from '../base/errors.js';
import { askStatus, followEvents } from '../supervisor/client.js';
import type { ExitRecord, RunState } from '../supervisor/protocol.js';
import type { Context } from './context.js';
import { publicState, type State } from './observe.js';

export type Condition = 'stopped' | 'running' | 'ready' | 'frozen' | 'address';

/** What is known of a container at one moment of watching it. */
export interface Moment {
  readonly state: State;
  readonly ready: boolean;
  readonly readyBy: string;
  /** Set at the end of a run, before what comes next. */
  readonly exit?: ExitRecord;
}

/** A container that is not there yet has no socket to wait on: looked for at this pace. */
const APPEARANCE_POLL_MS = 50;

/** Whether an address has come tells nobody: looked for at this pace. */
const ADDRESS_POLL_MS = 50;

/**
 * True when a moment is what is waited for. A frozen container runs; a ready one runs; one that waits for an address
 * runs first.
 */
export function holds(condition: Condition, moment: Moment): boolean {
  if (condition === 'stopped') return moment.state === 'stopped';
  if (condition === 'ready') return moment.ready && moment.state !== 'stopping';
  if (condition === 'frozen') return moment.state === 'frozen';
  return moment.state === 'running' || moment.state === 'frozen';
}

/**
 * The moments of one run, from now to its end: the last one is `stopped`, after everything is undone.
 * One moment, `stopped`, when nothing runs.
 */
export async function* moments(ctx: Context, name: string, signal: AbortSignal): AsyncGenerator<Moment> {
  let moment: Moment = { state: 'stopped', ready: false, readyBy: '' };
  for await (const item of followEvents(ctx.layout.controlSocket(name), signal)) {
    if (!('event' in item)) {
      moment = { state: publicState(item.state), ready: item.ready, readyBy: item.readyBy };
    } else if (item.event === 'state') {
      moment = { ...moment, ...stateChange(item.state) };
    } else if (item.event === 'ready') {
      moment = { ...moment, ready: true, readyBy: item.by };
    } else if (item.event === 'exited' || item.event === 'stopped') {
      moment = { ...moment, exit: item.exit, ready: false, readyBy: '' };
      if (item.event === 'stopped') continue; // it is gone at the end of the stream
    }
    yield moment;
  }
  signal.throwIfAborted();
  yield { ...moment, state: 'stopped', ready: false, readyBy: '' };
}

function stateChange(state: RunState): Partial<Moment> {
  const changed = publicState(state);
  return changed === 'starting' ? { state: changed, ready: false, readyBy: '' } : { state: changed };
}

/** False when it stops before it has any. */
async function getsAddress(ctx: Context, name: string, signal: AbortSignal): Promise<boolean> {
  const { readAddressesOf } = await import('../host/routes.js');
  for (;;) {
    const presence = await askStatus(ctx.layout.controlSocket(name));
    if (presence.is !== 'alive') return false;
    if (readAddressesOf(presence.status.pid).length > 0) return true;
    await sleep(ADDRESS_POLL_MS, undefined, { signal });
  }
}

/**
 * Waits until a container is what is asked for, over stops, starts and reboots.
 * @param options.timeoutMs absent: for ever.
 * @throws TSCT_TIMEOUT (exit 1), AbortError.
 */
export async function waitFor(
  ctx: Context,
  name: string,
  condition: Condition,
  options: { readonly timeoutMs?: number } = {},
): Promise<Moment> {
  const timeout = options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs);
  const signal = timeout ? AbortSignal.any([ctx.signal, timeout]) : ctx.signal;
  try {
    for (;;) {
      for await (const moment of moments(ctx, name, signal)) {
        if (!holds(condition, moment)) continue;
        if (condition !== 'address' || (await getsAddress(ctx, name, signal))) return moment;
      }
      ctx.store.need(name);
      // Polled whether a run begins: somebody else's `start`, for which there is nothing to listen to yet.
      do await sleep(APPEARANCE_POLL_MS, undefined, { signal });
      while (!existsSync(ctx.layout.controlSocket(name)));
    }
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (!timeout?.aborted) throw error;
    throw new TsctError(
      'TSCT_TIMEOUT',
      `${name} ${condition === 'address' ? 'got no address' : `did not become ${condition}`} within ${(options.timeoutMs ?? 0) / 1000} s`,
      { hint: `see what it is doing: tsct info ${name}; tsct logs ${name}` },
    );
  }
}
