import { ExitCode, TsctError } from '../base/errors.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import type { Context } from './context.js';
import { findTaken } from './other-runs.js';

/**
 * Refuses a plan that wants of the host what there is once, and what a container that runs has: a link that is given,
 * a VLAN, an address that the host routes, the directory of its journal.
 * @throws TSCT_LINK_TAKEN (exit 4) with the holder's name.
 */
export async function refuseTakenLinks(
  ctx: Context,
  name: string,
  plan: LaunchPlan,
  doing = `start ${name}`,
): Promise<void> {
  const taken = await findTaken(ctx, name, plan, takenBy);
  if (taken === undefined) return;
  throw new TsctError('TSCT_LINK_TAKEN', `cannot ${doing}: ${taken.holder} has ${taken.thing}`, {
    exitCode: ExitCode.WrongState,
    hint: `choose another one, or stop the other container: tsct stop ${taken.holder}`,
  });
}

/** In words: what is the same is called the same. */
function takenBy({ tsct }: LaunchPlan): ReadonlySet<string> {
  const things = (tsct.network?.interfaces ?? []).flatMap(({ kind, link, vlanId, addresses }) => {
    if (kind === 'physical') return [`the link ${link}`];
    if (kind === 'vlan') return [`VLAN ${vlanId} of ${link}`];
    return kind === 'routed' ? addresses.map((address) => `the address ${address.split('/')[0]}`) : [];
  });
  const { journal } = tsct;
  if (journal?.keptBy === 'host') things.push(`the journal of the machine-id ${journal.machineId}`);
  return new Set(things);
}
