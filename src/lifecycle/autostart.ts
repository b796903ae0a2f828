import { setTimeout as sleep } from 'node:timers/promises';
import { TsctErrors } from '../base/errors.js';
import { RUN_ROOT } from '../base/paths.js';
import { loadDefinition } from '../definition/load.js';
import type { Context } from './context.js';
import { forEach } from './each.js';
import { type StartOptions, type StartResult, start } from './start.js';
import { type StopOptions, type StopResult, stop } from './stop.js';

/** How many are started or stopped at a time: enough to keep the disks busy, few enough not to choke a boot. */
const AT_ONCE = 8;

/** What `[Start]` says of one container. */
export interface Turn {
  readonly name: string;
  readonly order: number;
  readonly delayMs: number;
  readonly after: readonly string[];
}

/**
 * Groups to be started one after the other, the members of each together: by Order=, and below that so that each
 * comes after what its After= names. Names that are not there and circles do not hold anybody up.
 */
export function groupTurns(turns: readonly Turn[]): Turn[][] {
  const groups: Turn[][] = [];
  const done = new Set<string>();
  let left = [...turns].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
  while (left.length > 0) {
    const names = new Set(left.map((turn) => turn.name));
    const waits = (turn: Turn) => turn.after.some((n) => n !== turn.name && names.has(n) && !done.has(n));
    const lowest = Math.min(...left.filter((turn) => !waits(turn)).map((turn) => turn.order));
    const free = left.filter((turn) => !waits(turn) && turn.order === lowest);
    const group = free.length > 0 ? free : left.slice(0, 1); // a circle: begin somewhere
    groups.push(group);
    for (const turn of group) done.add(turn.name);
    left = left.filter((turn) => !done.has(turn.name));
  }
  return groups;
}

/** Starts what has Autostart=yes, group by group. All failures are reported at the end. */
export async function startAll(ctx: Context, options: StartOptions): Promise<StartResult[]> {
  const failures: Error[] = [];
  const turns = (await readTurns(ctx, ctx.store.list(), failures)).filter((turn) => turn.autostart);
  const results: StartResult[] = [];
  for (const group of groupTurns(turns)) {
    const work = async (name: string) => {
      results.push(await start(ctx, name, options));
    };
    await forEach(names(group), work, { atOnce: AT_ONCE }).catch((error) => failures.push(error as Error));
    const delayMs = Math.max(...group.map((turn) => turn.delayMs));
    if (delayMs > 0) await sleep(delayMs, undefined, { signal: ctx.signal });
  }
  throwAll(failures);
  return results;
}

/** Starts several, all at once: who names them does not ask for an order. */
export async function startEach(
  ctx: Context,
  containers: readonly string[],
  options: StartOptions,
): Promise<StartResult[]> {
  return forEach(containers, (name) => start(ctx, name, options), { atOnce: AT_ONCE });
}

export async function stopEach(
  ctx: Context,
  containers: readonly string[],
  options: StopOptions,
): Promise<StopResult[]> {
  return forEach(containers, (name) => stop(ctx, name, options), { atOnce: AT_ONCE });
}

/** Stops all that runs, in the reverse order. */
export async function stopAll(ctx: Context, options: StopOptions): Promise<StopResult[]> {
  const failures: Error[] = [];
  const running = new Set(await ctx.store.runDirs(RUN_ROOT));
  const present = ctx.store.list().filter((name) => running.has(name));
  // A config that cannot be read any more must not keep its container running: it goes first.
  const turns = await readTurns(ctx, present, []);
  const known = new Set(turns.map((turn) => turn.name));
  const groups = [...groupTurns(turns), present.filter((n) => !known.has(n)).map((name) => ({ name }))];
  const results: StopResult[] = [];
  for (const group of groups.reverse()) {
    const work = async (name: string) => {
      results.push(await stop(ctx, name, options));
    };
    await forEach(names(group), work, { atOnce: AT_ONCE }).catch((error) => failures.push(error as Error));
  }
  throwAll(failures);
  return results;
}

async function readTurns(ctx: Context, containers: readonly string[], failures: Error[]) {
  const turns: (Turn & { readonly autostart: boolean })[] = [];
  for (const name of containers) {
    try {
      const { start: wanted } = await loadDefinition(ctx.layout.containerDir(name));
      turns.push({
        name,
        order: wanted.order,
        delayMs: wanted.delayMs,
        after: wanted.after,
        autostart: wanted.autostart,
      });
    } catch (error) {
      failures.push(error as Error);
    }
  }
  return turns;
}

function names(group: readonly { readonly name: string }[]): string[] {
  return group.map((turn) => turn.name);
}

function throwAll(failures: readonly Error[]): void {
  const flat = failures.flatMap((error) => (error instanceof TsctErrors ? error.errors : [error]));
  const [first, ...others] = flat;
  if (first) throw others.length === 0 ? first : new TsctErrors([first, ...others]);
}
