import { existsSync } from 'node:fs';
import type { RunState, Status } from '../supervisor/protocol.js';
import type { Context } from './context.js';

export type State = 'stopped' | 'starting' | 'running' | 'frozen' | 'stopping';

/** What is true of one container now, as its supervisor and the kernel say. */
export interface Observed {
  readonly state: State;
  /** Absent when nothing runs. */
  readonly status?: Status;
  /** Its supervisor died, or never came up, and left things behind. */
  readonly debris: boolean;
}

/** Asks; costs one stat for a stopped container. */
export async function observe(ctx: Context, name: string): Promise<Observed> {
  if (!existsSync(ctx.layout.runDir(name))) return { state: 'stopped', debris: false };
  const { askStatus } = await import('../supervisor/client.js'); // not for a host where nothing runs
  const presence = await askStatus(ctx.layout.controlSocket(name));
  if (presence.is === 'alive') {
    return { state: publicState(presence.status.state), status: presence.status, debris: false };
  }
  // The directory may have gone meanwhile: an orderly end.
  return { state: 'stopped', debris: existsSync(ctx.layout.runDir(name)) };
}

/** `restarting` is a detail of the supervisor: to the user it is starting (again). */
export function publicState(state: RunState): State {
  return state === 'restarting' ? 'starting' : state;
}
