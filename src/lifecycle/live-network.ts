import { ExitCode, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { ConfigText } from '../definition/parse.js';
import { deviceChange, withDevicesOf } from '../plan/device-change.js';
import { changingPlan, isChangeable, networkDiffers, withNetworkOf } from '../plan/network-change.js';
import { readIdentity } from '../state/identity.js';
import { changeNetwork, keepPlan } from '../supervisor/setup.js';
import { compile } from './compile.js';
import type { Context } from './context.js';
import { type Compiled, keepCompiled, readCompiled } from './kept-plan.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { refusePublished } from './published-ports.js';
import {
  changeRunning,
  configDigest,
  endNetworkChange,
  type NetworkChange,
  noteNetworkChange,
  planBetween,
  undoNetworkChange,
} from './settle-network.js';
import { refuseTakenLinks } from './taken-links.js';

/**
 * Gives a running container the network and the devices that a config has, all of it or nothing. What is killed in the middle is
 * finished by the next command; an end of the run undoes what was and what was to be.
 * @returns false for a container in the network of another, or one that is to be: only the config is changed then.
 * @param commit writes the config: from then on the change has come true. The caller holds the lock.
 */
export async function applyNetwork(
  ctx: Context,
  name: string,
  before: Compiled,
  { config, commit }: { readonly config: readonly ConfigText[]; readonly commit: () => Promise<void> },
): Promise<boolean> {
  const doing = `change ${name}`;
  let change: NetworkChange = {
    before,
    identity: await readIdentity(ctx.layout.identityFile(name)),
    config: configDigest(config[0]?.text ?? ''),
  };
  await noteNetworkChange(ctx, name, change);
  try {
    fault('network.noted');
    const compiled = await compile(ctx, name, 'config', { config });
    fault('network.allotted');
    const hasNetwork = isChangeable(before.plan, compiled.plan);
    if (!hasNetwork && networkDiffers(before.plan, compiled.plan)) {
      await commit();
      await endNetworkChange(ctx, name, change);
      return false;
    }
    const network = hasNetwork ? withNetworkOf(before.plan, compiled.plan) : before.plan;
    const plan = withDevicesOf(network, compiled.plan);
    if (hasNetwork) {
      await refusePublished(ctx, name, plan, doing);
      await refuseTakenLinks(ctx, name, plan, doing);
    }
    change = { ...change, after: { plan, config: before.config, live: config } };
    await noteNetworkChange(ctx, name, change);
    const isForced = hasNetwork && deviceChange(before.plan, plan) === undefined;
    await keepCompiled(ctx, name, { ...before, plan: planBetween(before.plan, plan, isForced) });
    fault('network.kept');
    await changeRunning(before.plan, plan, { doing, isForced });
    fault('network.changed');
    await commit();
  } catch (error) {
    await undo(ctx, name, change, error);
  }
  fault('network.committed');
  await endNetworkChange(ctx, name, change);
  fault('network.ended');
  return true;
}

/** Makes again what a running container lacks of what it has: a tsct-ports that was killed. */
export async function mendPorts(ctx: Context, name: string): Promise<void> {
  await withLock(ctx, name, async () => {
    const started = (await observe(ctx, name)).status && (await readCompiled(ctx, name));
    if (!started?.plan.tsct.network?.interfaces.some(({ ports }) => ports)) return;
    const doing = `mend the ports of ${name}`;
    await changeNetwork(changingPlan(started.plan, started.plan), [], doing);
    await keepPlan(started.plan, doing);
  });
}

/** @throws the error. */
async function undo(ctx: Context, name: string, change: NetworkChange, error: unknown): Promise<never> {
  try {
    await undoNetworkChange(ctx, name, change);
  } catch (second) {
    const why = (each: unknown) => (each instanceof Error ? each.message : String(each));
    throw new TsctError('TSCT_NETWORK_HALF', `${why(error)}\n${why(second)}`, {
      exitCode: error instanceof TsctError ? error.exitCode : ExitCode.Failed,
      hint: `the next command at ${name} tries again; a restart mends it: tsct restart ${name}`,
      cause: error,
    });
  }
  throw error;
}
