import type { Context } from './context.js';
import { type Observed, observeRunning, type State } from './observe.js';
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
  const observed = await observeRunning(ctx);
  await sweep(ctx, observed);
  const running = await summaries(observed);
  return ctx.store.list().map((name) => running.get(name) ?? stoppedSummary(name));
}

async function summaries(all: ReadonlyMap<string, Observed>): Promise<ReadonlyMap<string, ContainerSummary>> {
  const running = [...all].flatMap(([name, { state, status }]) => (status ? [{ name, state, status }] : []));
  if (running.length === 0) return new Map();
  // Not loaded for a listing of stopped ones: most of what `list` costs is what it loads.
  const [{ readTotals, totalFiles }, { groupsFile, groupsOf }, routes, { formatCidr }, { readAhead }] =
    await Promise.all([
      import('../state/account-files.js'),
      import('../state/group-text.js'),
      import('../host/routes.js'),
      import('../base/ip.js'),
      import('./read-ahead.js'),
    ]);
  const named = readAhead(running.map(({ status }) => groupsFile(status.pid)));
  const grouped = running.map((one) => ({
    ...one,
    groups: groupsOf(one.status.cgroup, one.status.pid, named),
  }));
  const read = readAhead(
    grouped.flatMap(({ groups, status }) => [
      ...Object.values(totalFiles(groups)),
      ...routes.addressFiles(status.pid),
    ]),
  );
  return new Map(
    grouped.map(({ name, state, status, groups }) => [
      name,
      {
        name,
        state,
        pid: status.pid || null,
        supervisorPid: status.supervisorPid,
        uptime: uptimeSeconds(status.startedAtMs),
        ...readTotals(groups, read),
        addresses: routes.readAddressesOf(status.pid, (path) => read(path) ?? '').map(formatCidr),
      },
    ]),
  );
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
