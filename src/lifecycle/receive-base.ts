import { ExitCode, TsctError } from '../base/errors.js';
import { type Snapshot, Snapshots } from '../state/snapshot.js';
import type { Context } from './context.js';
import type { Manifest, SentNote } from './manifest.js';

/** What a stream says that it brings, and where that is to go. */
export interface Delivery {
  readonly manifest: Manifest;
  /** The container here. */
  readonly name: string;
  readonly snapshot: string;
  readonly sent: SentNote;
  /** For messages: `receive web@s2`. */
  readonly doing: string;
}

interface Base {
  /** As it is called here. */
  readonly name: string;
  readonly record: Snapshot;
}

/**
 * The snapshot here that a difference is to be put on, whatever it is called.
 * @throws TSCT_NO_CONTAINER, TSCT_NO_SNAPSHOT (exit 3), telling what both sides have.
 */
export async function findBase(ctx: Context, delivery: Delivery): Promise<Base> {
  const { name, sent, doing, manifest, snapshot } = delivery;
  const from = sent.from;
  if (!ctx.store.has(name)) {
    ctx.store.needFree(name); // a bad name is told as one
    throw new TsctError('TSCT_NO_CONTAINER', `cannot ${doing}: there is no container ${name} here`, {
      exitCode: ExitCode.NotFound,
      hint: `send it whole first: tsct send ${manifest.name}@${from?.snapshot ?? snapshot}`,
    });
  }
  for (const { name: here, snapshot: record } of await snapshotsOf(ctx, name).all()) {
    if (record.uuid !== undefined && record.uuid === from?.uuid) return { name: here, record };
  }
  const what = `${manifest.name}@${from?.snapshot}`;
  throw new TsctError(
    'TSCT_NO_SNAPSHOT',
    `cannot ${doing}: it is the difference from ${what}, which ${name} here does not have`,
    { exitCode: ExitCode.NotFound, hint: await adviseFrom(ctx, delivery) },
  );
}

/** @throws TSCT_EXISTS (exit 4) when there is a container of this name. */
export async function needNew(ctx: Context, delivery: Delivery): Promise<void> {
  const { name, doing } = delivery;
  if (!ctx.store.has(name)) return ctx.store.needFree(name);
  await needAbsent(ctx, delivery);
  throw new TsctError(
    'TSCT_EXISTS',
    `cannot ${doing}: it is whole, and there is a container ${name} already`,
    {
      exitCode: ExitCode.WrongState,
      hint: await adviseFrom(ctx, delivery),
    },
  );
}

/** @throws TSCT_EXISTS (exit 4) when that snapshot is here, or another one of its name; TSCT_BAD_NAME (exit 2). */
export async function needWelcome(ctx: Context, delivery: Delivery): Promise<void> {
  await needAbsent(ctx, delivery);
  snapshotsOf(ctx, delivery.name).needFree(delivery.snapshot);
}

async function needAbsent(ctx: Context, { name, sent, doing }: Delivery): Promise<void> {
  const same = (await snapshotsOf(ctx, name).all()).find((one) => one.snapshot.uuid === sent.uuid);
  if (!same) return;
  throw new TsctError('TSCT_EXISTS', `cannot ${doing}: it is here already, as ${name}@${same.name}`, {
    exitCode: ExitCode.WrongState,
    hint: `bring it back: tsct snapshot restore ${name}@${same.name}`,
  });
}

/** Which snapshots the sender could send the difference from. */
async function adviseFrom(ctx: Context, { name, manifest, snapshot, sent }: Delivery): Promise<string> {
  const here = new Set((await snapshotsOf(ctx, name).all()).map((one) => one.snapshot.uuid));
  const shared = sent.others.filter(({ uuid }) => here.has(uuid) && uuid !== sent.uuid);
  const newest = shared.at(-1);
  const command = `tsct send ${manifest.name}@${snapshot}`;
  if (newest === undefined) return `both have no snapshot in common: ${command} | tsct receive NEW`;
  const names = shared.map((one) => one.snapshot).join(', ');
  return `both have ${names}: ${command} --from ${newest.snapshot}`;
}

function snapshotsOf(ctx: Context, name: string): Snapshots {
  return new Snapshots(ctx.layout.snapshotDir(name), name);
}
