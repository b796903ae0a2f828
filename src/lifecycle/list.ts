import { RUN_ROOT } from '../base/paths.js';
import type { Context } from './context.js';
import { type Observed, observe, type State } from './observe.js';
import { sweep } from './sweep.js';
import { uptimeSeconds } from './uptime.js';

/** One row of `tsct list`; the names are those of `info`. */
export interface ContainerSummary {
  readonly name: string;
  readonly state: State;
  /** Of the guest's PID 1 on the host. */
  readonly pid: number | null;
  readonly supervisorPid: number | null;
  /** Seconds since init was started. */
  readonly uptime: number | null;
  /** Bytes. */
  readonly memory: number | null;
  readonly tasks: number | null;
  readonly addresses: readonly string[];
}

/** All whole containers by name; sweeps what crashes left. Only those with a run directory are asked. */
export async function list(ctx: Context): Promise<ContainerSummary[]> {
  await sweep(ctx);
  const running = new Set(await ctx.store.runDirs(RUN_ROOT));
  return Promise.all(
    ctx.store.list().map(async (name) => {
      if (!running.has(name)) return stoppedSummary(name);
      return summarize(name, await observe(ctx, name));
    }),
  );
}

async function summarize(name: string, observed: Observed): Promise<ContainerSummary> {
  const status = observed.status;
  if (!status) return stoppedSummary(name);
  // Not loaded for a listing of stopped ones: most of what `list` costs is what it loads.
  const [{ readTotals }, { readAddressesOf }, { formatCidr }] = await Promise.all([
    import('../state/accounts.js'),
    import('../host/routes.js'),
    import('../base/ip.js'),
  ]);
  const { memory, tasks } = readTotals(status.cgroup, status.pid);
  return {
    name,
    state: observed.state,
    pid: status.pid || null,
    supervisorPid: status.supervisorPid,
    uptime: uptimeSeconds(status.startedAtMs),
    memory,
    tasks,
    addresses: readAddressesOf(status.pid).map(formatCidr),
  };
}

function stoppedSummary(name: string): ContainerSummary {
  return {
    name,
    state: 'stopped',
    pid: null,
    supervisorPid: null,
    uptime: null,
    memory: null,
    tasks: null,
    addresses: [],
  };
}
