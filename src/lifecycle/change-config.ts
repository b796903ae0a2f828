import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../base/atomic-file.js';
import { ExitCode, TsctError } from '../base/errors.js';
import { loadTexts } from '../definition/load.js';
import { type ConfigText, parseDefinition } from '../definition/parse.js';
import type { ContainerDefinition } from '../definition/schema.js';
import { readTotals } from '../state/account-files.js';
import { groupsOf } from '../state/group-text.js';
import type { Status } from '../supervisor/protocol.js';
import { checkLimits } from './check-limits.js';
import { configDigest } from './config-digest.js';
import type { Context } from './context.js';
import { type Compiled, readCompiled, runtimeTexts } from './kept-plan.js';
import type { Wanted } from './live-change.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { changedKeys, changedSince, isLimit, isLive } from './pending.js';
import { raisedLimits } from './raised-limits.js';
import { dropRuntime } from './runtime-settings.js';

/** What became of one setting that was changed. */
export interface KeyChange {
  /** `Section.Key`, `Network.eth0.Key`. */
  readonly key: string;
  /** applied: what runs has it, or nothing runs; pending: it counts from the next start. */
  readonly state: 'applied' | 'pending';
  /** Why it is pending, where that is no matter of the key alone, or may surprise. */
  readonly reason?: string;
  /** Of a MemoryMax= below what was in use: how many bytes the kernel took back. */
  readonly reclaimedBytes?: number;
}

export interface ChangeResult {
  /** It is running, so that each of `keys` was applied or is pending. */
  readonly running: boolean;
  readonly keys: readonly KeyChange[];
  /** One of them is. */
  readonly pending: boolean;
}

/** One change of what a container is to have. */
export interface ConfigEdit {
  /** Of the text of its config. */
  readonly config?: (text: string) => string;
  /** Of what holds until it stops, only where it runs. Without it the keys that are changed hold no longer there. */
  readonly runtime?: (text: string) => string | undefined;
  /** Keys that are told about even if they say what they said before. */
  readonly named?: readonly string[];
  /** Looks whether the network of what runs is as the config says it, even if nothing of that has changed. */
  readonly isForced?: boolean;
}

/**
 * Changes the config of a container, and at once what runs where keys are live: all or nothing. The whole config with
 * its drop-ins is checked before anything is touched.
 * @throws TSCT_NOT_RUNNING (exit 4) for settings of a run that is none.
 */
export async function changeConfig(
  ctx: Context,
  name: string,
  { config: edit = (text) => text, runtime: editRuntime, named = [], isForced = false }: ConfigEdit,
): Promise<ChangeResult> {
  ctx.store.need(name);
  return withLock(ctx, name, async () => {
    const file = ctx.layout.configFile(name);
    const before = await readFile(file, 'utf8');
    const after = edit(before);
    const dropIns = (await loadTexts(ctx.layout.containerDir(name))).slice(1);
    const persistent = [{ file, text: after }, ...dropIns];
    const stored = parseDefinition(persistent);
    checkLimits(stored);
    const commit = async () => {
      if (after !== before) await writeFileAtomic(file, after);
    };
    const keys = new Set([...named, ...changedFrom([{ file, text: before }, ...dropIns], stored)]);
    const run = await runningNow(ctx, name, () => isForced || [...keys].some(isLive));
    if (!run) {
      if (editRuntime) throw notRunning(name);
      await commit();
      return describe(keys, { running: false, pending: [] });
    }
    const had = run.compiled.runtime;
    const runtime = editRuntime ? editRuntime(had ?? '') : dropRuntime(had, keys);
    const config = [...persistent, ...runtimeTexts(runtime)];
    const definition = parseDefinition(config);
    const limits = checkLimits(inForce(definition, parseDefinition(run.compiled.config)));
    const changed = changedSince(run.compiled, definition).filter(isLive);
    const compiles = isForced || !changed.every(isLimit);
    let applied: Applied = { isWhole: true };
    const raised = raisedLimits(run.compiled.plan, run.status, keys);
    if (compiles || changed.length > 0 || runtime !== had || raised) {
      const digest = after === before ? undefined : configDigest(after);
      const wanted = { config, runtime, compiles, limits, digest, commit, ...(raised ? { raised } : {}) };
      applied = await applyTo(ctx, name, run, wanted);
    } else {
      await commit();
    }
    const pending = changedSince(run.compiled, definition).filter(
      (key) => !isLive(key) || (!isLimit(key) && !applied.isWhole),
    );
    return describe(keys, { running: true, pending, reclaimedBytes: applied.reclaimedBytes });
  });
}

/** A run keeps what it does at MemoryMax=, for as long as it has one: where version 2 holds it goes by that. */
function inForce(
  definition: ContainerDefinition,
  { resources: { oomPolicy, oomHeadroom } }: ContainerDefinition,
): ContainerDefinition {
  const { oomPolicy: _, oomHeadroom: __, oomHook: ___, ...resources } = definition.resources;
  const hasMax = (resources.memoryMax ?? 'infinity') !== 'infinity';
  const kept = hasMax ? { oomPolicy, oomHeadroom } : { oomPolicy: undefined, oomHeadroom: undefined };
  return { ...definition, resources: { ...resources, ...kept, oomHook: undefined } };
}

interface Applied {
  /** With network and devices. */
  readonly isWhole: boolean;
  readonly reclaimedBytes?: number;
}

/** Looks besides how much memory the kernel has to take back for a MemoryMax= below what is in use. */
async function applyTo(
  ctx: Context,
  name: string,
  { compiled, status }: Run,
  wanted: Wanted,
): Promise<Applied> {
  const { applyLive } = await import('./live-change.js');
  const groups = groupsOf(status.cgroup, status.pid);
  const used = () => readTotals(groups).memory ?? 0;
  const max = Number(wanted.limits.find(({ key }) => key === 'MemoryMax')?.value ?? Number.NaN);
  const before = used();
  const isWhole = await applyLive(ctx, name, compiled, wanted);
  return max >= 0 && before > max ? { isWhole, reclaimedBytes: Math.max(0, before - used()) } : { isWhole };
}

function describe(
  keys: ReadonlySet<string>,
  {
    running,
    pending,
    reclaimedBytes,
  }: {
    readonly running: boolean;
    readonly pending: readonly string[];
    readonly reclaimedBytes?: number | undefined;
  },
): ChangeResult {
  const changes = [...keys].map(
    (key): KeyChange => ({
      key,
      ...(pending.includes(key) ? { state: 'pending', ...reasonOf(key) } : { state: 'applied' }),
      ...(key === 'Resources.MemoryMax' && reclaimedBytes !== undefined ? { reclaimedBytes } : {}),
    }),
  );
  return { running, keys: changes, pending: changes.some(({ state }) => state === 'pending') };
}

/** Network and devices of what runs are changed as a whole or not at all. */
function reasonOf(key: string): { readonly reason?: string } {
  if (key === NAMESPACE) return { reason: 'what runs cannot be moved into another network' };
  if (!isLive(key) || isLimit(key)) return {};
  return { reason: `what runs is in the network of another, or is to be: ${NAMESPACE}` };
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

const NAMESPACE = 'Network.Namespace';

interface Run {
  readonly compiled: Compiled;
  readonly status: Status;
}

/** What a container runs with. One that is on its way up or down is waited for if that matters. */
async function runningNow(ctx: Context, name: string, matters: () => boolean): Promise<Run | undefined> {
  let { state, status } = await observe(ctx, name);
  if (matters() && (state === 'starting' || state === 'stopping')) {
    const { moments } = await import('./watch.js');
    for await (const moment of moments(ctx, name, ctx.signal))
      if (moment.state !== 'starting' && moment.state !== 'stopping') break;
    ({ state, status } = await observe(ctx, name));
  }
  const compiled = status && (await readCompiled(ctx, name));
  return status && compiled && { compiled, status };
}

function notRunning(name: string): TsctError {
  return new TsctError('TSCT_NOT_RUNNING', `cannot change the run of ${name}: it is not running`, {
    exitCode: ExitCode.WrongState,
    hint: 'start it first, or leave --runtime out: then it counts from the next start',
  });
}
