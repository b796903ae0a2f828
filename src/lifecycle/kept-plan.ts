import { readFile, rename, writeFile } from 'node:fs/promises';
import { isErrno } from '../base/errors.js';
import type { ConfigText } from '../definition/parse.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import type { Context } from './context.js';

/** A plan and the config that it was made from. */
export interface Compiled {
  readonly plan: LaunchPlan;
  readonly config: readonly ConfigText[];
  /** The config whose live keys are in force by now; absent: `config`. */
  readonly live?: readonly ConfigText[];
}

/** Kept beside the container while it runs: what tears down after a crash, and what `pending` is told by. */
export async function keepCompiled(ctx: Context, name: string, compiled: Compiled): Promise<void> {
  const path = ctx.layout.planFile(name);
  // Not fsynced: after a crash of the host nothing of the run is left to be torn down.
  await writeFile(`${path}.tmp`, JSON.stringify(compiled), { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}

/** What the run that is under way was started with; undefined when there never was one. */
export async function readCompiled(ctx: Context, name: string): Promise<Compiled | undefined> {
  try {
    return JSON.parse(await readFile(ctx.layout.planFile(name), 'utf8')) as Compiled;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
