import { TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import { loadDefinition } from '../definition/load.js';
import type { ScheduleValue } from '../definition/schedule-values.js';
import type { ContainerDefinition } from '../definition/schema.js';
import { Snapshots } from '../state/snapshot.js';
import { retain } from '../storage/retention.js';
import { dueSchedules, scheduleMark, snapshotName } from '../storage/schedules.js';
import type { Context } from './context.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { takeSnapshot } from './snapshot-create.js';
import { deleteSnapshot } from './snapshot-manage.js';

/** What a schedule took or took away. */
export interface ScheduledSnapshot {
  readonly name: string;
  readonly schedule: string;
  readonly snapshot: string;
}

export interface ScheduleRun {
  readonly taken: readonly ScheduledSnapshot[];
  readonly expired: readonly ScheduledSnapshot[];
  /** Containers of which something could not be done; the others are done all the same. */
  readonly failed: readonly { readonly name: string; readonly error: Error }[];
}

/** Not the name of a container: those have no `_`. */
const LOCK = '_schedules';
/** A run over many large containers takes its time. */
const LOCK_TIMEOUT_MS = 600_000;

/**
 * Takes the snapshots whose turn has come, of all containers, one after the other; a schedule that has taken one then
 * gives up those of its own that its rule does not keep. A second run waits for the first and finds nothing left to
 * do. Nothing is given up where nothing was taken, and never what a person or another schedule took.
 * @throws TSCT_BUSY (exit 4) after ten minutes of somebody else's run.
 */
export async function runSchedules(ctx: Context): Promise<ScheduleRun> {
  const result = { taken: [] as ScheduledSnapshot[], expired: [] as ScheduledSnapshot[] };
  const failed: { name: string; error: Error }[] = [];
  await ctx.store.prepare();
  const work = async () => {
    for (const name of ctx.store.list()) {
      try {
        await runContainer(ctx, name, result, (error) => failed.push({ name, error }));
      } catch (error) {
        ctx.signal.throwIfAborted();
        failed.push({ name, error: error as Error });
      }
    }
  };
  await withLock(ctx, LOCK, work, { timeoutMs: LOCK_TIMEOUT_MS });
  return { ...result, failed };
}

type Changes = { readonly taken: ScheduledSnapshot[]; readonly expired: ScheduledSnapshot[] };

async function runContainer(
  ctx: Context,
  name: string,
  changes: Changes,
  onFailure: (error: Error) => void,
): Promise<void> {
  const { snapshots: config } = await loadDefinition(ctx.layout.containerDir(name));
  if (config.schedules.length === 0) return;
  refuseTwins(name, config.schedules);
  if (!config.stopped && !(await observe(ctx, name)).status) return;
  const nowMs = Date.now();
  for (const schedule of dueSchedules(config.schedules, await recordsOf(ctx, name), nowMs)) {
    try {
      changes.taken.push(await takeScheduled(ctx, name, schedule, config, nowMs));
      await expire(ctx, name, schedule, changes);
    } catch (error) {
      ctx.signal.throwIfAborted();
      onFailure(error as Error);
    }
  }
}

/** @throws TSCT_SCHEDULE_TWICE: each would take the other's snapshots for its own. */
function refuseTwins(name: string, schedules: readonly ScheduleValue[]): void {
  const names = schedules.map((schedule) => schedule.name);
  const twin = names.find((one, index) => names.indexOf(one) !== index);
  if (twin === undefined) return;
  throw new TsctError('TSCT_SCHEDULE_TWICE', `cannot snapshot ${name}: it has two schedules named ${twin}`, {
    hint: 'give one of the two Schedule= lines another name',
  });
}

async function recordsOf(ctx: Context, name: string) {
  const all = await new Snapshots(ctx.layout.snapshotDir(name), name).all();
  return all.map(({ name: snapshot, snapshot: { createdMs, by } }) => ({ name: snapshot, createdMs, by }));
}

async function takeScheduled(
  ctx: Context,
  name: string,
  schedule: ScheduleValue,
  config: ContainerDefinition['snapshots'],
  nowMs: number,
): Promise<ScheduledSnapshot> {
  const taken = new Set((await recordsOf(ctx, name)).map((one) => one.name));
  const values = { container: name, schedule: schedule.name, nowMs };
  const snapshot = snapshotName(config.namePattern, values, taken);
  const row = { name, schedule: schedule.name, snapshot };
  await runHooks(ctx, 'pre', config.preHooks, row);
  let result = 'failed';
  try {
    await takeSnapshot(ctx, name, {
      snapshot,
      by: scheduleMark(schedule.name),
      ...(config.freezeHook === undefined ? {} : { freezeHook: config.freezeHook }),
      ...(config.thawHook === undefined ? {} : { thawHook: config.thawHook }),
    });
    result = 'done';
  } finally {
    // The snapshot is there, or its own failure counts: a hook that fails now is for people to know.
    await runHooks(ctx, 'post', config.postHooks, row, result).catch((error: Error) =>
      ctx.warn(error.message),
    );
  }
  return row;
}

async function runHooks(
  ctx: Context,
  which: 'pre' | 'post',
  hooks: readonly (readonly string[])[],
  { name, schedule, snapshot }: ScheduledSnapshot,
  result?: string,
): Promise<void> {
  const env = {
    TSCT_CONTAINER: name,
    TSCT_SNAPSHOT: snapshot,
    TSCT_SCHEDULE: schedule,
    TSCT_ROOT: ctx.layout.root,
    ...(result === undefined ? {} : { TSCT_RESULT: result }),
  };
  for (const [program = '', ...args] of hooks) {
    await run(program, args, {
      doing: `run the ${which} hook of ${name}@${snapshot}`,
      env,
      signal: ctx.signal,
    });
  }
}

async function expire(
  ctx: Context,
  name: string,
  { name: schedule, keep }: ScheduleValue,
  changes: Changes,
): Promise<void> {
  if (!keep) return;
  const own = (await recordsOf(ctx, name)).filter((one) => one.by === scheduleMark(schedule));
  for (const { name: snapshot } of retain(own, keep, Date.now()).delete) {
    await deleteSnapshot(ctx, name, snapshot);
    changes.expired.push({ name, schedule, snapshot });
  }
}
