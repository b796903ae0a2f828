import { closeSync } from 'node:fs';
import { parseSnapshotAddress } from '../base/address.js';
import { TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { randomUuid } from '../base/random.js';
import type { ArchiveSummary } from '../image/archive.js';
import { exportTree } from '../image/export-archive.js';
import { type Snapshot, Snapshots } from '../state/snapshot.js';
import { addon } from '../supervisor/addon.js';
import { isBrokenPipe } from '../supervisor/native-error.js';
import { warnOf } from './archive-warnings.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';
import { machineOf } from './machine.js';
import { manifestText, type SnapshotRef } from './manifest.js';
import { withOutputFile } from './output-file.js';
import { tellDelta } from './tree-tools.js';
import { VIEW_DIR, viewWords } from './view.js';

export interface Sent {
  readonly name: string;
  readonly snapshot: string;
  readonly uuid: string;
  /** The snapshot that it is the difference from; null: it is whole. */
  readonly from: string | null;
  readonly entries: number;
  /** Of the files in it. */
  readonly bytes: number;
}

/** A snapshot that has a uuid. */
type Known = Snapshot & { readonly uuid: string };

/**
 * Writes a snapshot, root and config, for `receive`: whole, or as what it changes of another one.
 * @param address NAME@SNAP. @param from a snapshot of the same container, older or not; absent: whole.
 * @param target a file, which is there whole or not at all, or an open descriptor.
 * @throws TSCT_NO_CONTAINER, TSCT_NO_SNAPSHOT (exit 3), TSCT_BUSY (exit 4), TSCT_ARCHIVE_FAILED.
 */
export async function sendSnapshot(
  ctx: Context,
  address: string,
  from: string | undefined,
  target: HostPath | number,
): Promise<Sent> {
  const { name, snapshot } = parseSnapshotAddress(address);
  ctx.store.need(name);
  const [state, base] = await withUuids(ctx, name, [snapshot, ...(from === undefined ? [] : [from])]);
  if (!state) throw new TsctError('TSCT_NO_SNAPSHOT', `there is no snapshot ${address}`);
  const manifest = await describe(ctx, name, { snapshot, state, ...(base && from ? { from, base } : {}) });
  const { store } = imageContext(ctx);
  const write = (output: number) =>
    store.withPin('', [...new Set([...state.layers, ...(base?.layers ?? [])])], () =>
      pack(ctx, `send ${address}`, { manifest, output, state, base }),
    );
  const summary = typeof target === 'number' ? await write(target) : await withOutputFile(target, write);
  warnOf(ctx, { ...summary, stripped: summary.stripped.filter(({ name: what }) => what !== 'socket') });
  const { entries, bytes } = summary;
  return { name, snapshot, uuid: state.uuid, from: from ?? null, entries, bytes };
}

/** Snapshots by name; one that an older tsct took gets a uuid now. */
async function withUuids(ctx: Context, name: string, names: readonly string[]): Promise<Known[]> {
  const snapshots = new Snapshots(ctx.layout.snapshotDir(name), name);
  const known: Known[] = [];
  for (const one of names) {
    const { uuid, ...record } = await snapshots.need(one);
    known.push({ ...record, uuid: uuid ?? (await giveUuid(ctx, name, one)) });
  }
  return known;
}

function giveUuid(ctx: Context, name: string, snapshot: string): Promise<string> {
  return withLock(ctx, name, async () => {
    const snapshots = new Snapshots(ctx.layout.snapshotDir(name), name);
    const record = await snapshots.need(snapshot);
    const uuid = record.uuid ?? randomUuid();
    if (record.uuid === undefined) await snapshots.write(snapshot, { ...record, uuid });
    return uuid;
  });
}

interface What {
  readonly snapshot: string;
  readonly state: Known;
  readonly from?: string;
  readonly base?: Known;
}

async function describe(ctx: Context, name: string, { snapshot, state, from, base }: What): Promise<string> {
  const all = await new Snapshots(ctx.layout.snapshotDir(name), name).all();
  const others = all.flatMap<SnapshotRef>(({ name: other, snapshot: { uuid } }) =>
    uuid === undefined ? [] : [{ snapshot: other, uuid }],
  );
  const { driver, config, createdMs, running, uuid } = state;
  return manifestText(
    { name, snapshot, driver, config, createdMs, running, trees: [] },
    {
      machine: await machineOf(ctx, name),
      sent: { uuid, others, ...(base && from ? { from: { snapshot: from, uuid: base.uuid } } : {}) },
    },
  );
}

interface Packing {
  readonly manifest: string;
  readonly output: number;
  readonly state: Known;
  readonly base: Known | undefined;
}

async function pack(ctx: Context, doing: string, { manifest, output, state, base }: Packing) {
  const { tools, store } = imageContext(ctx);
  const trees = await store.present(state.layers);
  const before = await store.present(base?.layers ?? []);
  const text = addon().sealedMemfd('tsct-manifest', Buffer.from(manifest));
  const options = { via: viewWords(trees), manifest: text, output };
  try {
    if (!base) return await exportTree(tools, VIEW_DIR, doing, options);
    return await piped(
      (into) => tellDelta(ctx, before, trees, into),
      (changes) => exportTree(tools, VIEW_DIR, doing, { ...options, changes }),
    );
  } finally {
    closeSync(text);
  }
}

/** One program tells another one. Each end is closed with its user, so that neither waits for a dead one. */
async function piped(
  teller: (output: number) => Promise<void>,
  listener: (input: number) => Promise<ArchiveSummary>,
): Promise<ArchiveSummary> {
  const [input, output] = addon().pipe();
  const [told, heard] = await Promise.allSettled([
    teller(output).finally(() => closeSync(output)),
    listener(input).finally(() => closeSync(input)),
  ]);
  // Who tells nobody any more fails because of the other one.
  if (told.status === 'rejected' && !(heard.status === 'rejected' && isBrokenPipe(told.reason))) {
    throw told.reason;
  }
  if (heard.status === 'rejected') throw heard.reason;
  return heard.value;
}
