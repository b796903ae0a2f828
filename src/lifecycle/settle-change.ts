import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFileAtomic } from '../base/atomic-file.js';
import { TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import { deviceChange } from '../plan/device-change.js';
import type { LaunchPlan, LimitPlan } from '../plan/launch-plan.js';
import { limitChanges, withLimits } from '../plan/limit-change.js';
import { changingPlan, networkDiffers, resolvConfEdits } from '../plan/network-change.js';
import { type Identity, identityText } from '../state/identity.js';
import { changeDevices, changeLimits, changeNetwork, keepPlan } from '../supervisor/setup.js';
import { configDigest } from './config-digest.js';
import type { Context } from './context.js';
import { type Compiled, keepCompiled, readCompiled } from './kept-plan.js';
import { observe } from './observe.js';

/** A change of a running container that has begun: what was, what is to be. */
export interface LiveChange {
  readonly before: Compiled;
  readonly identity: Identity;
  /** What is to be; absent: nothing but the identity was touched yet. */
  readonly after?: Compiled;
  /** Of the config's text by which the change has come true; absent: keeping `after` is what makes it true. */
  readonly config?: string;
  /** Limits that what runs had, and not those of `before`. */
  readonly raised?: readonly LimitPlan[];
}

/** What ran when the change began. */
export function planInForce({ before, raised }: LiveChange): LaunchPlan {
  return raised ? withLimits(before.plan, raised) : before.plan;
}

export async function noteChange(ctx: Context, name: string, change: LiveChange): Promise<void> {
  await writeFileAtomic(ctx.layout.changeFile(name), JSON.stringify(change));
}

/** How long a guest that is just rebooting may take to run again. */
const REBOOT_TIMEOUT_MS = 30_000;
const REBOOT_POLL_MS = 50;

/**
 * Finishes a change that was killed, or undoes it if it has not come true. What then cannot be done is a warning: the
 * container can still be stopped, which undoes what was and what was to be. The caller holds the lock.
 */
export async function settleChange(ctx: Context, name: string): Promise<void> {
  const change = JSON.parse(await readFile(ctx.layout.changeFile(name), 'utf8')) as LiveChange;
  try {
    await ((await isTrue(ctx, name, change)) ? endChange(ctx, name, change) : undoChange(ctx, name, change));
  } catch (error) {
    if (!(error instanceof TsctError)) throw error;
    ctx.warn(`${error.message}; restart it: tsct restart ${name}`);
  }
}

async function isTrue(ctx: Context, name: string, { config, after }: LiveChange): Promise<boolean> {
  if (config !== undefined)
    return configDigest(await readFile(ctx.layout.configFile(name), 'utf8')) === config;
  return JSON.stringify(await readCompiled(ctx, name)) === JSON.stringify(after);
}

/** The plan that a run goes by while it is changed: its end undoes the network of both. */
export function planBetween(from: LaunchPlan, to: LaunchPlan, isForced: boolean): LaunchPlan {
  return isForced || networkDiffers(from, to) ? changingPlan(from, to) : to;
}

/**
 * Has a running container be as one plan says that is as another one says, where they differ; limits first, which are
 * the most likely to be refused and the easiest to take back, then devices. On the way back a device that is gone by
 * then is left out.
 * @param options.isForced looks at the network even if nothing of it differs.
 */
export async function changeRunning(
  from: LaunchPlan,
  to: LaunchPlan,
  options: { readonly doing: string; readonly isForced?: boolean; readonly isUndo?: true },
): Promise<void> {
  const { doing, isForced = false, isUndo } = options;
  const between = planBetween(from, to, isForced);
  const limits = limitChanges(from, to);
  if (limits.length > 0) await changeLimits(between, limits, doing);
  fault('change.limited');
  const devices = deviceChange(from, to, !isUndo);
  if (devices) await changeDevices(between, devices, doing);
  if (isForced || networkDiffers(from, to)) await changeNetwork(between, resolvConfEdits(from, to), doing);
}

/** What runs is as it is to be: nothing of what was is kept in mind any more. */
export async function endChange(
  ctx: Context,
  name: string,
  { after }: Pick<LiveChange, 'after'>,
): Promise<void> {
  if (after && (await isRunning(ctx, name))) {
    await keepCompiled(ctx, name, after);
    await keepPlan(after.plan, `change ${name}`);
  }
  await rm(ctx.layout.changeFile(name), { force: true });
}

/** Brings back what was. */
export async function undoChange(ctx: Context, name: string, change: LiveChange): Promise<void> {
  const { before, identity, after } = change;
  if (after && (await isRunning(ctx, name))) {
    const doing = `undo a change of ${name}`;
    await changeRunning(after.plan, planInForce(change), { doing, isUndo: true });
    await keepCompiled(ctx, name, before);
    await keepPlan(before.plan, doing);
  }
  await writeFileAtomic(ctx.layout.identityFile(name), identityText(identity));
  await rm(ctx.layout.changeFile(name), { force: true });
}

/** A guest that reboots comes up with the plan that its supervisor has, and is changed then. */
async function isRunning(ctx: Context, name: string): Promise<boolean> {
  const end = Date.now() + REBOOT_TIMEOUT_MS;
  for (;;) {
    const { state } = await observe(ctx, name);
    if (state !== 'starting' || Date.now() > end) return state === 'running' || state === 'frozen';
    await sleep(REBOOT_POLL_MS);
  }
}
