import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFileAtomic } from '../base/atomic-file.js';
import { sha256 } from '../base/digest.js';
import { TsctError } from '../base/errors.js';
import { changingPlan, resolvConfEdits } from '../plan/network-change.js';
import { type Identity, identityText } from '../state/identity.js';
import { changeNetwork, keepPlan } from '../supervisor/setup.js';
import type { Context } from './context.js';
import { type Compiled, keepCompiled } from './kept-plan.js';
import { observe } from './observe.js';

/** A change of the network of a running container that has begun: what was, what is to be. */
export interface NetworkChange {
  readonly before: Compiled;
  readonly identity: Identity;
  /** What is to be; absent: nothing but the identity was touched yet. */
  readonly after?: Compiled;
  /** Of the config's text by which the change has come true. */
  readonly config: string;
}

export async function noteNetworkChange(ctx: Context, name: string, change: NetworkChange): Promise<void> {
  await writeFileAtomic(ctx.layout.networkChangeFile(name), JSON.stringify(change));
}

export function configDigest(text: string): string {
  return sha256(text).toString('hex');
}

/** How long a guest that is just rebooting may take to run again. */
const REBOOT_TIMEOUT_MS = 30_000;
const REBOOT_POLL_MS = 50;

/**
 * Finishes a change that was killed: the config tells whether it came true. What then cannot be done is a warning: the
 * container can still be stopped, which undoes what was and what was to be. The caller holds the lock.
 */
export async function settleNetworkChange(ctx: Context, name: string): Promise<void> {
  const change = JSON.parse(await readFile(ctx.layout.networkChangeFile(name), 'utf8')) as NetworkChange;
  const isTrue = configDigest(await readFile(ctx.layout.configFile(name), 'utf8')) === change.config;
  try {
    await (isTrue ? endNetworkChange(ctx, name, change) : undoNetworkChange(ctx, name, change));
  } catch (error) {
    if (!(error instanceof TsctError)) throw error;
    ctx.warn(`${error.message}; restart it: tsct restart ${name}`);
  }
}

/** What runs is as it is to be: nothing of what was is kept in mind any more. */
export async function endNetworkChange(
  ctx: Context,
  name: string,
  { after }: Pick<NetworkChange, 'after'>,
): Promise<void> {
  if (after && (await isRunning(ctx, name))) {
    await keepCompiled(ctx, name, after);
    await keepPlan(after.plan, `change the network of ${name}`);
  }
  await rm(ctx.layout.networkChangeFile(name), { force: true });
}

/** Brings back what was. */
export async function undoNetworkChange(
  ctx: Context,
  name: string,
  { before, identity, after }: NetworkChange,
): Promise<void> {
  if (after && (await isRunning(ctx, name))) {
    const doing = `undo a change of the network of ${name}`;
    await changeNetwork(
      changingPlan(after.plan, before.plan),
      resolvConfEdits(after.plan, before.plan),
      doing,
    );
    await keepCompiled(ctx, name, before);
    await keepPlan(before.plan, doing);
  }
  await writeFileAtomic(ctx.layout.identityFile(name), identityText(identity));
  await rm(ctx.layout.networkChangeFile(name), { force: true });
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
