import { EventEmitter, on } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { followEvents } from '../supervisor/client.js';
import type { Event } from '../supervisor/protocol.js';
import type { Context } from './context.js';
import { publicState, type State } from './observe.js';

/** Something that happened to a container. */
export type MonitorEvent = { readonly name: string /** CLOCK_REALTIME. */; readonly atMs: number } & (
  | { readonly event: 'state'; readonly state: State }
  | Exclude<Event, { readonly event: 'state' | 'stopped' }>
);

/** A container that does not run has nobody who could tell of its start: looked for at this pace. */
const APPEARANCE_POLL_MS = 100;

/**
 * What happens to containers, from now on and until `ctx.signal`: their states, readiness, ends, memory limits.
 * @param names none: all, those too that are made later.
 * @throws TSCT_NO_CONTAINER (exit 3)
 */
export async function* monitor(ctx: Context, names: readonly string[]): AsyncGenerator<MonitorEvent> {
  for (const name of names) ctx.store.need(name);
  const events = new EventEmitter();
  const followed = new Set<string>();
  const look = (isNews: boolean) => {
    for (const name of names.length > 0 ? names : ctx.store.list()) {
      if (followed.has(name) || !existsSync(ctx.layout.controlSocket(name))) continue;
      followed.add(name);
      follow(ctx, name, isNews, (event) => events.emit('event', event))
        .catch((error) => events.emit('error', error))
        .finally(() => followed.delete(name));
    }
  };
  const heard = on(events, 'event', { signal: ctx.signal });
  look(false);
  const looking = (async () => {
    for (;;) {
      await sleep(APPEARANCE_POLL_MS, undefined, { signal: ctx.signal });
      look(true);
    }
  })();
  looking.catch((error) => {
    if (!ctx.signal.aborted) events.emit('error', error);
  });
  try {
    for await (const [event] of heard) yield event as MonitorEvent;
  } catch (error) {
    if (!ctx.signal.aborted) throw error;
  }
}

/** One run to its end. @param isNews its state is: it was not there before. */
async function follow(
  ctx: Context,
  name: string,
  isNews: boolean,
  tell: (event: MonitorEvent) => void,
): Promise<void> {
  let last = '';
  const state = (now: State) => {
    if (now !== last) tell({ name, atMs: Date.now(), event: 'state', state: now });
    last = now;
  };
  for await (const item of followEvents(ctx.layout.controlSocket(name), ctx.signal)) {
    if (!('event' in item)) {
      if (!isNews) last = publicState(item.state);
      state(publicState(item.state));
    } else if (item.event === 'state') {
      state(publicState(item.state));
    } else if (item.event !== 'stopped') {
      tell({ name, atMs: Date.now(), ...item });
    }
  }
  // Nothing was heard of a supervisor that is dead already: its socket stays until somebody cleans up.
  if (last !== '' && !ctx.signal.aborted) state('stopped');
}
