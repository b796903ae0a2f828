import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../base/atomic-file.js';
import { TsctError } from '../base/errors.js';
import { loadTexts } from '../definition/load.js';
import { type ConfigText, parseDefinition } from '../definition/parse.js';
import type { ContainerDefinition } from '../definition/schema.js';
import { checkLimits } from './check-limits.js';
import type { Context } from './context.js';
import { type Compiled, readCompiled } from './kept-plan.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { changedKeys, changedSince, isLive } from './pending.js';

/** What became of one setting that was changed. */
export interface KeyChange {
  /** `Section.Key`, `Network.eth0.Key`. */
  readonly key: string;
  /** applied: what runs has it, or nothing runs; pending: it counts from the next start. */
  readonly state: 'applied' | 'pending';
}

export interface ChangeResult {
  /** It is running, so that each of `keys` was applied or is pending. */
  readonly running: boolean;
  readonly keys: readonly KeyChange[];
  /** One of them is. */
  readonly pending: boolean;
}

/**
 * Changes the config of a container, and at once what runs where keys are live: all or nothing. The whole config with
 * its drop-ins is checked before anything is touched.
 * @param named keys that are told about even if they say what they said before. @param isForced looks whether what
 * runs is as the config says it, even if nothing of that has changed.
 */
export async function changeConfig(
  ctx: Context,
  name: string,
  edit: (text: string) => string,
  named: readonly string[] = [],
  isForced = false,
): Promise<ChangeResult> {
  ctx.store.need(name);
  return withLock(ctx, name, async () => {
    const file = ctx.layout.configFile(name);
    const before = await readFile(file, 'utf8');
    const after = edit(before);
    const dropIns = (await loadTexts(ctx.layout.containerDir(name))).slice(1);
    const config = [{ file, text: after }, ...dropIns];
    const definition = parseDefinition(config);
    checkLimits(definition);
    const commit = async () => {
      if (after !== before) await writeFileAtomic(file, after);
    };
    const keys = new Set([...named, ...changedFrom([{ file, text: before }, ...dropIns], definition)]);
    const started = await runningPlan(ctx, name, () => isForced || [...keys].some(isLive));
    if (!started) {
      await commit();
      return describe(keys, { running: false, pending: [] });
    }
    let isApplied = true;
    if (isForced || changedSince(started, definition).some(isLive)) {
      const { applyNetwork } = await import('./live-network.js');
      isApplied = await applyNetwork(ctx, name, started, { config, commit });
    } else {
      await commit();
    }
    const pending = changedSince(started, definition).filter((key) => !isApplied || !isLive(key));
    return describe(keys, { running: true, pending });
  });
}

function describe(
  keys: ReadonlySet<string>,
  { running, pending }: { readonly running: boolean; readonly pending: readonly string[] },
): ChangeResult {
  const changes = [...keys].map(
    (key): KeyChange => ({ key, state: pending.includes(key) ? 'pending' : 'applied' }),
  );
  return { running, keys: changes, pending: changes.some(({ state }) => state === 'pending') };
}

/** What somebody said, or says now. Of a config that was broken before nobody can tell. */
function changedFrom(before: readonly ConfigText[], now: ContainerDefinition): readonly string[] {
  try {
    const was = parseDefinition(before);
    return changedKeys(was, now).filter((key) => was.origins.has(key) || now.origins.has(key));
  } catch (error) {
    if (error instanceof TsctError) return [];
    throw error;
  }
}

/** What a container runs with. One that is on its way up or down is waited for if that matters. */
async function runningPlan(
  ctx: Context,
  name: string,
  matters: () => boolean,
): Promise<Compiled | undefined> {
  let observed = await observe(ctx, name);
  if (matters() && (observed.state === 'starting' || observed.state === 'stopping')) {
    const { moments } = await import('./watch.js');
    for await (const { state } of moments(ctx, name, ctx.signal))
      if (state !== 'starting' && state !== 'stopping') break;
    observed = await observe(ctx, name);
  }
  return observed.status && (await readCompiled(ctx, name));
}
