import { ExitCode, TsctError } from '../base/errors.js';
import { fault } from '../base/fault.js';
import type { HostPath } from '../base/paths.js';
import { type Arriving, withArriving } from '../image/export-archive.js';
import { readCurrent } from '../state/current.js';
import { checkName } from '../state/names.js';
import { checkSnapshotName, type Snapshot, Snapshots } from '../state/snapshot.js';
import { driverOf } from '../storage/drivers.js';
import type { Pin } from '../storage/pin.js';
import { addon } from '../supervisor/addon.js';
import { warnOf } from './archive-warnings.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { addArriving, changeConfig } from './import.js';
import { withLock } from './locking.js';
import { machineOf, needNoTwin } from './machine.js';
import { type Created, makeContainer } from './make-container.js';
import { parseManifest } from './manifest.js';
import { type Delivery, findBase, needNew, needWelcome } from './receive-base.js';
import { isAsBefore } from './receive-unchanged.js';
import { needStopped, type Restored, restoreSnapshot } from './snapshot-restore.js';
import { sweep } from './sweep.js';
import { treeTools } from './tree-tools.js';

export interface ReceiveOptions {
  /** Absent: as it is called where it comes from. */
  readonly name?: string;
  /** Of a new container: `Section.Key=VALUE` each, changed in its config. */
  readonly set: readonly string[];
  /** A new container is the same machine: machine-id, keys, MACs. */
  readonly keepIdentity?: boolean;
  /** Of a difference: restore the snapshot too. */
  readonly restore?: boolean;
}

export interface Received {
  readonly name: string;
  readonly snapshot: string;
  readonly uuid: string;
  /** The snapshot here that the difference was put on; null: it came whole. */
  readonly from: string | null;
  readonly entries: number;
  readonly bytes: number;
  /** The container that was made of one that came whole. */
  readonly created?: Created;
  readonly restored?: Restored;
}

/**
 * Takes in what `sendSnapshot` wrote. Whole: a new container that is in that state, with the snapshot in it. A
 * difference: the snapshot is added to a container that has the one that it is the difference from; root and config
 * stay. All of it, or nothing.
 * @param source a file, or a descriptor that it comes from.
 * @throws TSCT_BAD_ARCHIVE naming the place, TSCT_NEWER_FORMAT (exit 5), TSCT_NO_CONTAINER, TSCT_NO_SNAPSHOT (exit 3)
 * when the difference is one from something that is not here, TSCT_EXISTS, TSCT_BUSY, TSCT_RUNNING (exit 4).
 */
export async function receiveSnapshot(
  ctx: Context,
  source: HostPath | number,
  options: ReceiveOptions,
): Promise<Received> {
  const origin = typeof source === 'number' ? 'standard input' : source;
  const { tools } = imageContext(ctx);
  return withArriving(tools, source, `receive ${origin}`, addon().pipe(), async (arriving) => {
    const delivery = readDelivery(origin, arriving.manifest, options.name);
    if (delivery.sent.from) return receiveDelta(ctx, delivery, arriving, options);
    return receiveWhole(ctx, delivery, arriving, options);
  });
}

function readDelivery(origin: string, text: string, name: string | undefined): Delivery {
  const manifest = parseManifest(`tsct/manifest.json of ${origin}`, text);
  const { snapshot, sent } = manifest;
  if (snapshot === undefined || !sent) {
    throw new TsctError('TSCT_BAD_ARCHIVE', `cannot receive ${origin}: it is an export, no snapshot`, {
      hint: 'make a container of it: tsct import NAME FILE',
    });
  }
  checkName(manifest.name);
  checkSnapshotName(snapshot);
  const address = `${name ?? manifest.name}@${snapshot}`;
  return { manifest, snapshot, sent, name: name ?? manifest.name, doing: `receive ${address}` };
}

/** The record of what has arrived, but for where its trees are. */
function recordOf({ manifest, sent }: Delivery): Omit<Snapshot, 'format' | 'driver' | 'layers'> {
  const { config, createdMs, running } = manifest;
  return { config, createdMs, running, by: 'receive', frozenMs: 0, copiedBytes: 0, uuid: sent.uuid };
}

async function receiveWhole(
  ctx: Context,
  delivery: Delivery,
  arriving: Arriving,
  options: ReceiveOptions,
): Promise<Received> {
  const { manifest, name, snapshot, sent, doing } = delivery;
  await needNew(ctx, delivery);
  const config = changeConfig(manifest.config, options.set);
  const machine = options.keepIdentity ? manifest.machine : undefined;
  if (machine) await needNoTwin(ctx, machine, doing);
  await ctx.store.prepare();
  await sweep(ctx);
  let size = { entries: 0, bytes: 0 };
  const make = async (pin: Pin) => {
    const { layer, ...unpacked } = await addArriving(ctx, pin, arriving, `${manifest.name}@${snapshot}`);
    size = unpacked;
    fault('receive.unpacked');
    const kept = { name: snapshot, record: recordOf(delivery) };
    return { config, layers: [layer], snapshot: kept, ...(machine ? { machine } : {}) };
  };
  const created = await imageContext(ctx).store.sweepAfter(() => makeContainer(ctx, name, make));
  return { name, snapshot, uuid: sent.uuid, from: null, ...size, created };
}

async function receiveDelta(
  ctx: Context,
  delivery: Delivery,
  arriving: Arriving,
  options: ReceiveOptions,
): Promise<Received> {
  const { name, snapshot, sent, doing } = delivery;
  if (options.set.length > 0) {
    throw new TsctError('TSCT_USAGE', `cannot ${doing}: --set is for a container that is made anew`, {
      exitCode: ExitCode.Usage,
      hint: `change it here: tsct config set ${name} ...`,
    });
  }
  const base = await findBase(ctx, delivery);
  await needWelcome(ctx, delivery);
  if (options.restore) await withLock(ctx, name, () => needStopped(ctx, name));
  // A tree that was of use for this only goes.
  const size = await imageContext(ctx).store.sweepAfter(() => addDelta(ctx, delivery, arriving, base.record));
  fault('receive.named');
  const discardIf = () => isAsBefore(ctx, name, base.record);
  const restored = options.restore
    ? { restored: await restoreSnapshot(ctx, name, snapshot, { discardIf }) }
    : {};
  return { name, snapshot, uuid: sent.uuid, from: base.name, ...size, ...restored };
}

/** The container is free for others while the difference comes, which may take hours; it is locked to get the name. */
async function addDelta(ctx: Context, delivery: Delivery, arriving: Arriving, base: Snapshot) {
  const { name, snapshot } = delivery;
  const { store } = imageContext(ctx);
  const before = await machineOf(ctx, name);
  const { driver } = await readCurrent(ctx.layout.currentFile(name));
  return store.withPin('', base.layers, async (pin) => {
    let size = { entries: 0, bytes: 0 };
    const lay = async (tree: HostPath, how: 'into' | 'onto'): Promise<void> => {
      const summary = await arriving.lay(tree, how);
      warnOf(ctx, summary);
      size = { entries: summary.entries, bytes: summary.bytes };
    };
    const context = { store, pin, trees: treeTools(ctx) };
    const layers = await driverOf(driver).extend(context, base.layers, lay);
    fault('receive.laid');
    await withLock(ctx, name, async () => {
      ctx.store.need(name);
      if ((await machineOf(ctx, name)).uuid !== before.uuid) throw replaced(delivery);
      await needWelcome(ctx, delivery);
      const record = { ...recordOf(delivery), driver, layers };
      await new Snapshots(ctx.layout.snapshotDir(name), name).write(snapshot, record);
    });
    return size;
  });
}

function replaced({ name, doing }: Delivery): TsctError {
  const why = `${name} was destroyed meanwhile, and another one has the name`;
  return new TsctError('TSCT_CHANGED', `cannot ${doing}: ${why}`, { exitCode: ExitCode.WrongState });
}
