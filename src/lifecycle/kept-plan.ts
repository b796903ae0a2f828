import { readFile, rename, writeFile } from 'node:fs/promises';
import { isErrno } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import type { ConfigText } from '../definition/parse.js';
import type { LaunchPlan } from '../plan/launch-plan.js';
import type { InterfacePlan } from '../plan/network-plan.js';
import type { ReadText } from '../state/group-text.js';
import type { Context } from './context.js';

/** A plan and the config that it was made from. */
export interface Compiled {
  readonly plan: LaunchPlan;
  readonly config: readonly ConfigText[];
  /** The config whose network is in force by now; absent: `config`. */
  readonly live?: readonly ConfigText[];
  /** The same of [Resources]. */
  readonly limits?: readonly ConfigText[];
  /** Settings that hold until it stops, as text of a config that stands after all others. */
  readonly runtime?: string;
}

/** What a run goes by besides the config and its drop-ins, if anything: the last of its texts. */
export function runtimeTexts(runtime: string | undefined): readonly ConfigText[] {
  return runtime === undefined ? [] : [{ file: 'config set --runtime', text: runtime }];
}

/** Of an interface what its counters are found by. */
export type KeptInterface = Pick<InterfacePlan, 'name' | 'hostName'>;

/** Kept beside the container while it runs: what tears down after a crash, and what `pending` is told by. */
export async function keepCompiled(ctx: Context, name: string, compiled: Compiled): Promise<void> {
  const interfaces = compiled.plan.tsct.network?.interfaces ?? [];
  const kept: readonly KeptInterface[] = interfaces.map(({ name, hostName }) =>
    hostName === undefined ? { name } : { name, hostName },
  );
  await replace(ctx.layout.planFile(name), compiled);
  await replace(ctx.layout.interfacesFile(name), kept);
}

/** Not fsynced: after a crash of the host nothing of the run is left to be torn down. */
async function replace(path: HostPath, content: unknown): Promise<void> {
  await writeFile(`${path}.tmp`, JSON.stringify(content), { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}

/**
 * Interfaces of the run that is under way: without its plan, since to read 200 plans takes longer than all accounts.
 */
export async function readKeptInterfaces(
  ctx: Context,
  name: string,
  read: ReadText,
): Promise<readonly KeptInterface[]> {
  const text = read(ctx.layout.interfacesFile(name));
  if (text !== undefined) return JSON.parse(text);
  // Started by a tsct that kept the plan only.
  return (await readCompiled(ctx, name))?.plan.tsct.network?.interfaces ?? [];
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
