import { isErrno, TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import type { DriverName, Root } from '../state/root.js';
import type { LayerStore } from '../storage/layer-store.js';
import { layerOwners } from '../storage/references.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
import { readCompiled } from './kept-plan.js';
import { presentTrees } from './present-trees.js';
import { isOnBtrfs } from './tree-tools.js';

/** What the root of a container takes on disk; null: not known, or not found out within a moment. */
export interface StorageUsage {
  readonly driver: DriverName;
  /** All that its root is made of, shared with others or not. */
  readonly usedBytes: number | null;
  /**
   * What would be free without this container and its snapshots; of trees that share blocks (btrfs), what no other
   * tree at all has, its snapshots' included.
   */
  readonly exclusiveBytes: number | null;
  /** SizeMax= of the run that is under way. */
  readonly limitBytes: number | null;
  /** Other containers whose roots or snapshots are made of the same layers. */
  readonly sharedWith: readonly string[];
}

/** Nobody waits longer than this for an answer to `info`. */
const COUNTING_MS_MAX = 2_000;

export async function storageUsage(
  ctx: Context,
  name: string,
  root: Root,
  isRunning: boolean,
): Promise<StorageUsage> {
  const owners = await layerOwners(ctx.layout);
  const trees = [...root.layers, root.upper];
  const others = owners.filter((owner) => owner.container !== name);
  const foreign = new Set(others.flatMap((owner) => owner.layers));
  const own = [...new Set(owners.filter((o) => o.container === name).flatMap((owner) => owner.layers))];
  const sharing = others.filter((owner) => owner.layers.some((id) => trees.includes(id)));
  const plan = isRunning ? (await readCompiled(ctx, name))?.plan : undefined;
  const { store } = imageContext(ctx);
  const exclusive = own.filter((id) => !foreign.has(id));
  const countsWhole = root.driver === 'overlay' || root.driver === 'dir';
  const sizes = (await arePresent(ctx, root))
    ? await sizesOf(ctx, store, [...trees, ...(countsWhole ? exclusive : [])])
    : null;
  return {
    driver: root.driver,
    usedBytes: sizes && sum(trees.map((id) => sizes.get(id))),
    exclusiveBytes: countsWhole
      ? sizes && sum(exclusive.map((id) => sizes.get(id)))
      : await unsharedBytes(
          ctx,
          exclusive.map((id) => store.tree(id)),
        ),
    limitBytes: plan?.tsct.rootfs.limit?.bytes ?? null,
    sharedWith: [...new Set(sharing.flatMap((owner) => owner.container ?? []))].sort(),
  };
}

/** A pool that is gone must not keep `info` from telling the rest. */
async function arePresent(ctx: Context, root: Root): Promise<boolean> {
  try {
    await presentTrees(ctx, root);
    return true;
  } catch (error) {
    if (!(error instanceof TsctError)) throw error;
    ctx.warn(error.message);
    return false;
  }
}

/** Of trees that may share blocks with others. xfs says of no tree which of its blocks others have. */
async function unsharedBytes(ctx: Context, trees: readonly string[]): Promise<number | null> {
  const [first] = trees;
  if (first === undefined || !(await isOnBtrfs(first))) return null;
  const said = await tryRun(ctx, 'btrfs', ['filesystem', 'du', '-s', '--raw', ...trees]);
  if (said === null) return null;
  const rows = said.split('\n').slice(1); // under TOTAL, EXCLUSIVE, SET SHARED, FILENAME
  return sum(rows.map((row) => Number(row.trim().split(/\s+/)[1])));
}

/** By id, each counted once. Of imported layers it is known. */
async function sizesOf(
  ctx: Context,
  store: LayerStore,
  ids: readonly string[],
): Promise<ReadonlyMap<string, number> | null> {
  const sizes = new Map<string, number>();
  const unknown: string[] = [];
  for (const id of new Set(ids)) {
    const bytes = await notedBytes(store, id);
    if (bytes === undefined) unknown.push(id);
    else sizes.set(id, bytes);
  }
  if (unknown.length === 0) return sizes;
  const trees = unknown.map((id) => store.tree(id));
  const said = await tryRun(ctx, 'du', ['-sx', '--block-size=1', ...trees]);
  if (said === null) return null;
  // One line each, in the order asked for: bytes, a tab, the path.
  for (const [index, line] of said.split('\n').entries())
    sizes.set(unknown[index] ?? '', Number.parseInt(line, 10));
  return sizes;
}

function sum(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

async function notedBytes(store: LayerStore, id: string): Promise<number | undefined> {
  try {
    return (await store.read(id)).sizeBytes;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** @returns null when it takes too long, is not installed, or a guest takes files away meanwhile (du(1) ends with 1). */
async function tryRun(ctx: Context, program: string, args: readonly string[]): Promise<string | null> {
  const options = { doing: 'count what the root takes', timeoutMs: COUNTING_MS_MAX, signal: ctx.signal };
  try {
    return await run(program, args, options);
  } catch (error) {
    if (error instanceof TsctError) return null;
    throw error;
  }
}
