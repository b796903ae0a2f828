import { RUN_ROOT } from '../base/paths.js';
import type { Counters } from '../host/links.js';
import { type Accounts, readAccounts } from '../state/accounts.js';
import type { Context } from './context.js';
import { readCounters } from './interface-info.js';
import { readCompiled } from './kept-plan.js';
import { observe, type State } from './observe.js';
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
 * Accounts of the containers that run, by name.
 * @param names whom; none: all. One that does not run has none. @throws TSCT_NO_CONTAINER (exit 3).
 */
export async function stats(ctx: Context, names: readonly string[]): Promise<ContainerStats[]> {
  for (const name of names) ctx.store.need(name);
  const running = new Set(await ctx.store.runDirs(RUN_ROOT));
  const asked = names.length > 0 ? new Set(names) : running;
  const all = ctx.store.list().filter((name) => running.has(name) && asked.has(name));
  return (await Promise.all(all.map((name) => statsOf(ctx, name)))).flat();
}

async function statsOf(ctx: Context, name: string): Promise<ContainerStats[]> {
  const { state, status } = await observe(ctx, name);
  if (!status?.pid) return [];
  const interfaces = (await readCompiled(ctx, name))?.plan.tsct.network?.interfaces ?? [];
  return [
    {
      name,
      state,
      uptime: uptimeSeconds(status.startedAtMs) ?? 0,
      ...readAccounts(status.cgroup, status.pid),
      network: interfaces.flatMap((one) => {
        const counters = readCounters(one, status.pid);
        return counters ? [{ name: one.name, counters }] : [];
      }),
    },
  ];
}
