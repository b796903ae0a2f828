import { ExitCode, TsctError } from '../base/errors.js';
import { RUN_ROOT } from '../base/paths.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import type { Context } from './context.js';
import { readCompiled } from './kept-plan.js';
import { observe } from './observe.js';

/**
 * Refuses a plan that publishes what a container that runs has published already, on whatever network.
 * @throws TSCT_PORT_TAKEN (exit 4) with the holder's name.
 */
export async function refusePublished(
  ctx: Context,
  name: string,
  plan: LaunchPlan,
  doing = `start ${name}`,
): Promise<void> {
  const wanted = publishedBy(plan);
  if (wanted.size === 0) return;
  for (const other of await ctx.store.runDirs(RUN_ROOT)) {
    if (other === name || !(await observe(ctx, other)).status) continue;
    const started = await readCompiled(ctx, other);
    const taken = started && [...publishedBy(started.plan)].find((port) => wanted.has(port));
    if (taken === undefined) continue;
    throw new TsctError('TSCT_PORT_TAKEN', `cannot ${doing}: ${other} has published port ${taken}`, {
      exitCode: ExitCode.WrongState,
      hint: `choose another port of the host, or stop the other one: tsct stop ${other}`,
    });
  }
}

/** `8080/tcp`, `192.0.2.1 8080/tcp`: keys of the maps that its rules add to. */
function publishedBy({ tsct }: LaunchPlan): ReadonlySet<string> {
  const added = (tsct.network?.interfaces ?? []).map(({ rules }) => rules?.add ?? '').join('');
  const keys = [...added.matchAll(/ port[46](?:_at)? \{ (?:(\S+) \. )?(tcp|udp) \. (\d+) : /g)];
  return new Set(keys.map(([, at, protocol, port]) => `${at ? `${at} ` : ''}${port}/${protocol}`));
}
