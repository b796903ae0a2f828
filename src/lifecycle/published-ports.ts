import { ExitCode, TsctError } from '../base/errors.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import type { Context } from './context.js';
import { findTaken } from './other-runs.js';

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
  const taken = await findTaken(ctx, name, plan, publishedBy);
  if (taken === undefined) return;
  throw new TsctError(
    'TSCT_PORT_TAKEN',
    `cannot ${doing}: ${taken.holder} has published port ${taken.thing}`,
    {
      exitCode: ExitCode.WrongState,
      hint: `choose another port of the host, or stop the other one: tsct stop ${taken.holder}`,
    },
  );
}

/** `8080/tcp`, `192.0.2.1 8080/tcp`: keys of the maps that its rules add to. */
function publishedBy({ tsct }: LaunchPlan): ReadonlySet<string> {
  const added = (tsct.network?.interfaces ?? []).map(({ rules }) => rules?.add ?? '').join('');
  const keys = [...added.matchAll(/ port[46](?:_at)? \{ (?:(\S+) \. )?(tcp|udp) \. (\d+) : /g)];
  return new Set(keys.map(([, at, protocol, port]) => `${at ? `${at} ` : ''}${port}/${protocol}`));
}
