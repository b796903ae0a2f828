import { existsSync } from 'node:fs';
import { groupOf, supervisorIn } from '../state/groups.js';
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

/** Asks; costs a few stats for a stopped container. */
export async function observe(ctx: Context, name: string): Promise<Observed> {
  const socket = ctx.layout.controlSocket(name);
  const group = groupOf(ctx.layout.key(name));
  if (!existsSync(ctx.layout.runDir(name)) && group === undefined) return { state: 'stopped', debris: false };
  const { askStatus } = await import('../supervisor/client.js'); // not for a host where nothing runs
  let presence = await askStatus(socket);
  if (presence.is === 'absent' && group !== undefined) {
    const supervisor = supervisorIn(group);
    if (supervisor !== undefined) {
      const { reopenControl } = await import('../supervisor/reopen.js');
      presence = await reopenControl(socket, supervisor);
    }
  }
  if (presence.is === 'alive') {
    return { state: publicState(presence.status.state), status: presence.status, debris: false };
  }
  // Both may have gone meanwhile: an orderly end.
  const debris = existsSync(ctx.layout.runDir(name)) || groupOf(ctx.layout.key(name)) !== undefined;
  return { state: 'stopped', debris };
}

/** `restarting` is a detail of the supervisor: to the user it is starting (again). */
export function publicState(state: RunState): State {
  return state === 'restarting' ? 'starting' : state;
}
