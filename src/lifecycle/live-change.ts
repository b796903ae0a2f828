import { ExitCode, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { ConfigText } from '../definition/parse.js';
import { deviceChange, withDevicesOf } from '../plan/device-change.js';
import type { LimitPlan } from '../plan/launch-plan.js';
import { withLimits } from '../plan/limit-change.js';
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
  endChange,
  type LiveChange,
  noteChange,
  planBetween,
  planInForce,
  undoChange,
} from './settle-change.js';
import { refuseTakenLinks } from './taken-links.js';

/** What a running container is to have. */
export interface Wanted {
  /** With its drop-ins and, as the last, what holds until it stops. */
  readonly config: readonly ConfigText[];
  readonly runtime: string | undefined;
  /** Whether network and devices are looked at, too. */
  readonly compiles: boolean;
  readonly limits: readonly LimitPlan[];
  /** What runs has these, and not those of its plan. */
  readonly raised?: readonly LimitPlan[];
  /** Of the config's text by which all of it has come true; absent: the text stays. */
  readonly digest: string | undefined;
  /** Writes that text. */
  readonly commit: () => Promise<void>;
}

/**
 * Gives a running container the network, devices and limits that a config has, all of it or nothing. What is killed in the
 * middle is finished by the next command; an end of the run undoes what was and what was to be. The caller holds the lock.
 * @returns false for a container in the network of another, or one that is to be: it has got the limits only.
 */
export async function applyLive(
  ctx: Context,
  name: string,
  before: Compiled,
  wanted: Wanted,
): Promise<boolean> {
  const doing = `change ${name}`;
  let change: LiveChange = {
    before,
    identity: await readIdentity(ctx.layout.identityFile(name)),
    ...(wanted.digest === undefined ? {} : { config: wanted.digest }),
    ...(wanted.raised === undefined ? {} : { raised: wanted.raised }),
  };
  let isWhole = true;
  await noteChange(ctx, name, change);
  try {
    fault('change.noted');
    let plan = withLimits(before.plan, wanted.limits);
    let hasNetwork = false;
    if (wanted.compiles) {
      const compiled = await compile(ctx, name, 'config', { config: wanted.config });
      hasNetwork = isChangeable(before.plan, compiled.plan);
      isWhole = hasNetwork || !networkDiffers(before.plan, compiled.plan);
      if (hasNetwork) plan = withNetworkOf(plan, compiled.plan);
      if (isWhole) plan = withDevicesOf(plan, compiled.plan);
    }
    fault('change.planned');
    if (hasNetwork) {
      await refusePublished(ctx, name, plan, doing);
      await refuseTakenLinks(ctx, name, plan, doing);
    }
    const { runtime: _, ...rest } = before;
    const after: Compiled = {
      ...rest,
      plan,
      limits: wanted.config,
      ...(wanted.compiles && isWhole ? { live: wanted.config } : {}),
      ...(wanted.runtime === undefined ? {} : { runtime: wanted.runtime }),
    };
    change = { ...change, after };
    await noteChange(ctx, name, change);
    const isForced = hasNetwork && deviceChange(before.plan, plan) === undefined;
    await keepCompiled(ctx, name, { ...before, plan: planBetween(before.plan, plan, isForced) });
    fault('change.kept');
    await changeRunning(planInForce(change), plan, { doing, isForced });
    fault('change.changed');
    await (wanted.digest === undefined ? keepCompiled(ctx, name, after) : wanted.commit());
  } catch (error) {
    await undo(ctx, name, change, error);
  }
  fault('change.committed');
  await endChange(ctx, name, change);
  fault('change.ended');
  return isWhole;
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
async function undo(ctx: Context, name: string, change: LiveChange, error: unknown): Promise<never> {
  try {
    await undoChange(ctx, name, change);
  } catch (second) {
    const why = (each: unknown) => (each instanceof Error ? each.message : String(each));
    throw new TsctError('TSCT_CHANGE_HALF', `${why(error)}\n${why(second)}`, {
      exitCode: error instanceof TsctError ? error.exitCode : ExitCode.Failed,
      hint: `the next command at ${name} tries again; a restart mends it: tsct restart ${name}`,
      cause: error,
    });
  }
  throw error;
}
