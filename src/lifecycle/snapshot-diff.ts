import { parseSnapshotAddress } from '../base/address.js';
import { ExitCode, TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import { readCurrent } from '../state/current.js';
import { Snapshots } from '../state/snapshot.js';
import { driverOf } from '../storage/drivers.js';
import { programPath } from '../supervisor/programs.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';

/** One path that is not the same, as `tsct-copy diff` tells it. */
export interface Difference {
  /** As the container sees it, absolute. */
  readonly path: string;
  readonly change: 'added' | 'changed' | 'deleted';
}

/** What a snapshot is compared with: the container now, another snapshot of it, the image that it was made of. */
export type Other =
  | { readonly is: 'now' }
  | { readonly is: 'base' }
  | { readonly is: 'snapshot'; readonly name: string };

/**
 * What differs between a snapshot and something else, by path; from the older to the newer: what the image became,
 * what happened since. A running container is looked at while it writes.
 * @throws TSCT_NO_CONTAINER, TSCT_NO_SNAPSHOT (exit 3), TSCT_NO_BASE (exit 4).
 */
export async function diffSnapshot(ctx: Context, address: string, other: Other): Promise<Difference[]> {
  const { name, snapshot } = parseSnapshotAddress(address);
  ctx.store.need(name);
  const snapshots = new Snapshots(ctx.layout.snapshotDir(name), name);
  const { layers } = await snapshots.need(snapshot);
  const { store } = imageContext(ctx);
  const rest =
    other.is === 'base' ? await baseOf(ctx, address, layers) : await stateOf(ctx, name, snapshots, other);
  const [a, b] = other.is === 'base' ? [rest, layers] : [layers, rest];
  return store.withPin('', [...new Set([...a, ...b])], async () => {
    const words = ['diff', '--a', ...(await store.present(a)), '--b', ...(await store.present(b))];
    const said = await run(programPath('tsct-copy'), words, {
      doing: `compare ${address}`,
      signal: ctx.signal,
    });
    return said
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Difference);
  });
}

async function stateOf(
  ctx: Context,
  name: string,
  snapshots: Snapshots,
  other: Other,
): Promise<readonly string[]> {
  if (other.is === 'snapshot') return (await snapshots.need(other.name)).layers;
  const current = await readCurrent(ctx.layout.currentFile(name));
  return driverOf(current.driver).asLayers(current);
}

/** The layers at the bottom that came from outside: recipe or import. */
async function baseOf(ctx: Context, address: string, layers: readonly string[]): Promise<readonly string[]> {
  const { store } = imageContext(ctx);
  const fromOutside = await Promise.all(layers.map((id) => store.isFromOutside(id)));
  const end = fromOutside.indexOf(false);
  const base = end < 0 ? layers : layers.slice(0, end);
  if (base.length > 0) return base;
  throw new TsctError('TSCT_NO_BASE', `cannot compare ${address} with its image: its root is a copy of it`, {
    exitCode: ExitCode.WrongState,
    hint: 'only roots on overlay name the image that they are on; take a snapshot right after create',
  });
}
