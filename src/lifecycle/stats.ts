import { type Counters, readCounters } from '../host/links.js';
import { accountFiles } from '../state/account-files.js';
import { type Accounts, readAccounts } from '../state/accounts.js';
import { groupsFile, groupsOf } from '../state/group-text.js';
import type { Status } from '../supervisor/protocol.js';
import type { Context } from './context.js';
import { countersOf } from './interface-info.js';
import { readKeptInterfaces } from './kept-plan.js';
import { observeRunning, type State } from './observe.js';
import { readAhead } from './read-ahead.js';
import { uptimeSeconds } from './uptime.js';

/** What one running container has used since its start. */
export interface ContainerStats extends Accounts {
  readonly name: string;
  readonly state: State;
  /** Seconds. */
  readonly uptime: number;
  readonly network: readonly { readonly name: string; readonly counters: Counters }[];
}

/**
 * Accounts of the containers that run, by name. The files of all of them are read at once: that takes a third of the time.
 * @param names whom; none: all. One that does not run has none. @throws TSCT_NO_CONTAINER (exit 3).
 */
export async function stats(ctx: Context, names: readonly string[]): Promise<ContainerStats[]> {
  for (const name of names) ctx.store.need(name);
  const running = await runningOf(ctx, names);
  const kept = readAhead(
    running.flatMap(({ name, pid }) => [groupsFile(pid), ctx.layout.interfacesFile(name)]),
  );
  const all = running.map((one) => ({ ...one, groups: groupsOf(one.cgroup, one.pid, kept) }));
  const read = readAhead(all.flatMap(({ groups }) => accountFiles(groups)));
  const host = readCounters();
  return Promise.all(
    all.map(async ({ name, state, pid, startedAtMs, groups }) => ({
      name,
      state,
      uptime: uptimeSeconds(startedAtMs) ?? 0,
      ...readAccounts(groups, read),
      network: (await readKeptInterfaces(ctx, name, kept)).flatMap((one) => {
        const counters = countersOf(one, pid, host);
        return counters ? [{ name: one.name, counters }] : [];
      }),
    })),
  );
}

type Running = Pick<Status, 'pid' | 'startedAtMs' | 'cgroup'> & Pick<ContainerStats, 'name' | 'state'>;

async function runningOf(ctx: Context, names: readonly string[]): Promise<Running[]> {
  const observed = await observeRunning(ctx);
  const asked = names.length > 0 ? new Set(names) : observed;
  return ctx.store.list().flatMap((name) => {
    const { state, status } = observed.get(name) ?? {};
    if (!state || !status?.pid || !asked.has(name)) return [];
    const { pid, startedAtMs, cgroup } = status;
    return [{ name, state, pid, startedAtMs, cgroup }];
  });
}
