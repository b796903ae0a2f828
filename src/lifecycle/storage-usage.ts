import { isErrno, TsctError } from '../base/errors.js';
import { run } from '../base/exec.js';
import type { DriverName, Root } from '../state/root.js';
import type { LayerStore } from '../storage/layer-store.js';
import { layerOwners } from '../storage/references.js';
import { readCompiled } from './compile.js';
import type { Context } from './context.js';
import { imageContext } from './image-context.js';
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
  return {
    driver: root.driver,
    usedBytes: await sizeOf(ctx, store, trees),
    exclusiveBytes: await exclusiveSize(
      ctx,
      store,
      root.driver,
      own.filter((id) => !foreign.has(id)),
    ),
    limitBytes: plan?.tsct.rootfs.limit?.bytes ?? null,
    sharedWith: [...new Set(sharing.flatMap((owner) => owner.container ?? []))].sort(),
  };
}

async function exclusiveSize(
  ctx: Context,
  store: LayerStore,
  driver: DriverName,
  ids: readonly string[],
): Promise<number | null> {
  if (driver === 'overlay' || driver === 'dir') return sizeOf(ctx, store, ids);
  const trees = ids.map((id) => store.tree(id));
  const [first] = trees;
  // xfs says of no tree which of its blocks others have.
  if (first === undefined || !(await isOnBtrfs(first))) return null;
  const said = await tryRun(ctx, 'btrfs', ['filesystem', 'du', '-s', '--raw', ...trees]);
  if (said === null) return null;
  const rows = said.split('\n').slice(1); // under TOTAL, EXCLUSIVE, SET SHARED, FILENAME
  return rows.reduce((sum, row) => sum + Number(row.trim().split(/\s+/)[1]), 0);
}

/** Of imported layers it is known; the others are counted. */
async function sizeOf(ctx: Context, store: LayerStore, ids: readonly string[]): Promise<number | null> {
  const noted = await Promise.all(ids.map((id) => notedBytes(store, id)));
  const unknown = ids.filter((_, index) => noted[index] === undefined);
  const counted =
    unknown.length === 0
      ? 0
      : await count(
          ctx,
          unknown.map((id) => store.tree(id)),
        );
  return counted === null ? null : counted + noted.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
}

async function notedBytes(store: LayerStore, id: string): Promise<number | undefined> {
  try {
    return (await store.read(id)).sizeBytes;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function count(ctx: Context, trees: readonly string[]): Promise<number | null> {
  const said = await tryRun(ctx, 'du', ['-sxc', '--block-size=1', ...trees]);
  return said === null ? null : Number(said.split('\n').at(-1)?.split('\t')[0]);
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
