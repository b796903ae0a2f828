import { ExitCode, TsctError } from '../base/errors.js';
import { RUN_ROOT } from '../base/paths.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import type { Context } from './context.js';
import { readCompiled } from './kept-plan.js';
import { observe } from './observe.js';

/**
 * Refuses a plan that wants of the host what there is once, and what a container that runs has: a link that is given,
 * a VLAN, an address that the host routes.
 * @throws TSCT_LINK_TAKEN (exit 4) with the holder's name.
 */
export async function refuseTakenLinks(
  ctx: Context,
  name: string,
  plan: LaunchPlan,
  doing = `start ${name}`,
): Promise<void> {
  const wanted = takenBy(plan);
  if (wanted.size === 0) return;
  for (const other of await ctx.store.runDirs(RUN_ROOT)) {
    if (other === name || !(await observe(ctx, other)).status) continue;
    const started = await readCompiled(ctx, other);
    const taken = started && [...takenBy(started.plan)].find((thing) => wanted.has(thing));
    if (taken === undefined) continue;
    throw new TsctError('TSCT_LINK_TAKEN', `cannot ${doing}: ${other} has ${taken}`, {
      exitCode: ExitCode.WrongState,
      hint: `choose another one, or stop the other container: tsct stop ${other}`,
    });
  }
}

/** In words: what is the same is called the same. */
function takenBy({ tsct }: LaunchPlan): ReadonlySet<string> {
  const things = (tsct.network?.interfaces ?? []).flatMap(({ kind, link, vlanId, addresses }) => {
    if (kind === 'physical') return [`the link ${link}`];
    if (kind === 'vlan') return [`VLAN ${vlanId} of ${link}`];
    return kind === 'routed' ? addresses.map((address) => `the address ${address.split('/')[0]}`) : [];
  });
  return new Set(things);
}
