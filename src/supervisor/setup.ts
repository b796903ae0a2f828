import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { DeviceChange } from '../plan/device-change.js';
import type { FileEdit, LaunchPlan, LimitPlan } from '../plan/launch-plan.js';
import { addon } from './addon.js';
import { sealPlan } from './launch.js';
import { describeProgramFailure } from './native-error.js';
import { programPath } from './programs.js';

/** Undoes whatever a crash left of a run: mounts, cgroups, links, run directory. Safe to call at any time. */
export async function teardown(plan: LaunchPlan): Promise<void> {
  const { name } = plan.tsct;
  try {
    await runSetup(['teardown'], plan, `clean up after ${name}`);
  } catch (error) {
    if (!(error instanceof TsctError) || error.hint) throw error;
    throw new TsctError(error.code, error.message, {
      hint: `it runs no more; mend that, and each command on ${name} tries again: tsct stop ${name}`,
      cause: error.cause,
    });
  }
}

/** Brings up again what is missing of the networks of a plan that is running; @param network for messages. */
export async function repairNetwork(plan: LaunchPlan, network: string): Promise<void> {
  await runSetup(['repair-network'], plan, `repair network ${network}`);
}

/**
 * Makes of a running container's network what a changing plan says, or throws having perhaps done a part of it: the
 * same again, or the plan of the way back, goes on from there.
 * @param edits of files in its root. @param doing for messages.
 */
export async function changeNetwork(
  plan: LaunchPlan,
  edits: readonly FileEdit[],
  doing: string,
): Promise<void> {
  await runSetup(['change-network'], plan, doing, JSON.stringify(edits));
}

/** Makes the devices of a running container those of a plan, in the same way. */
export async function changeDevices(plan: LaunchPlan, change: DeviceChange, doing: string): Promise<void> {
  await runSetup(['change-devices'], plan, doing, JSON.stringify(change));
}

/**
 * Sets limits of a running container one after the other, and has its supervisor go by the plan. Throws having perhaps
 * done a part of it: the same again, or the way back, goes on from there.
 */
export async function changeLimits(
  plan: LaunchPlan,
  limits: readonly LimitPlan[],
  doing: string,
): Promise<void> {
  await runSetup(['change-limits'], plan, doing, JSON.stringify(limits));
}

/** Has the supervisor of a running container go by this plan. */
export async function keepPlan(plan: LaunchPlan, doing: string): Promise<void> {
  await runSetup(['keep-plan'], plan, doing);
}

/**
 * Changes files inside the root of a stopped container, mounted for that in a private mount namespace.
 * No symlink inside is followed out of the root.
 */
export async function editRoot(plan: LaunchPlan, edits: readonly FileEdit[]): Promise<void> {
  await runSetup(['edit'], plan, `prepare the root of ${plan.tsct.name}`, JSON.stringify(edits));
}

/** Mounts the root of a stopped container on a directory of the host, for a bundle that another runtime runs. */
export async function mountRoot(plan: LaunchPlan, directory: HostPath): Promise<void> {
  await runSetup(['mount', directory], plan, `mount the root of ${plan.tsct.name}`);
}

/** Runs tsct-setup with the plan on fd 0 and `extra` on fd 3; a failure is one JSON line on its stdout. */
async function runSetup(
  args: readonly string[],
  plan: LaunchPlan,
  doing: string,
  extra?: string,
): Promise<void> {
  const path = programPath('tsct-setup');
  const fds = [sealPlan(plan)];
  if (extra !== undefined) fds.push(addon().sealedMemfd('tsct-edits', Buffer.from(extra)));
  const [planFd, ...extraFds] = fds;
  const child = spawn(path, args, { stdio: [planFd, 'pipe', 'pipe', ...extraFds], cwd: '/' });
  for (const fd of fds) closeSync(fd);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += String(chunk);
    });
  }
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve(signal ?? exit ?? 1));
  });
  if (code === 0) return;
  throw describeProgramFailure('tsct-setup', doing, output, code);
}
