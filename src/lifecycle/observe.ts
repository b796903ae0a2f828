import { existsSync } from 'node:fs';
import { RUN_ROOT } from '../base/paths.js';
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
  if (presence.is === 'alive') return alive(presence.status);
  // Both may have gone meanwhile: an orderly end.
  const debris = existsSync(ctx.layout.runDir(name)) || groupOf(ctx.layout.key(name)) !== undefined;
  return { state: 'stopped', debris };
}

/** All that have a run directory, or a cgroup; the others are stopped. By name. */
export async function observeRunning(ctx: Context): Promise<ReadonlyMap<string, Observed>> {
  const names = await ctx.store.runDirs(RUN_ROOT);
  if (names.length === 0) return new Map();
  const { askStatuses } = await import('../supervisor/client.js');
  const statuses = askStatuses(names.map(ctx.layout.controlSocket));
  const observed = names.map(async (name, i) => {
    const status = statuses[i];
    return [name, status ? alive(status) : await observe(ctx, name)] as const;
  });
  return new Map(await Promise.all(observed));
}

function alive(status: Status): Observed {
  return { state: publicState(status.state), status, debris: false };
}

/** `restarting` is a detail of the supervisor: to the user it is starting (again). */
export function publicState(state: RunState): State {
  return state === 'restarting' ? 'starting' : state;
}
