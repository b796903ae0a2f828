import { parseAddress } from '../base/address.js';
import { ExitCode, TsctError } from '../base/errors.js';
import type { HostPath } from '../base/paths.js';
import { FileLock } from '../state/lock.js';
import { Volumes } from '../state/volume.js';
import type { Freezer } from '../storage/tree-tools.js';
import type { Context } from './context.js';
import { forEach } from './each.js';
import { freezer } from './freezer.js';
import { withLock } from './locking.js';
import { timeName } from './snapshot-create.js';
import { isOnBtrfs, makeTree, removeTrees, treeTools } from './tree-tools.js';
import { volumeUsers } from './volume-users.js';

export interface VolumeInfo {
  readonly name: string;
  /** ISO 8601. */
  readonly created: string;
  /** What it was copied from; null: it began empty. */
  readonly from: string | null;
  /** Where its files are on the host, with 0-based owners. */
  readonly path: HostPath;
  /** Containers that have it attached, by their config or their present run. */
  readonly usedBy: readonly string[];
  readonly snapshots: readonly string[];
}

export async function listVolumes(ctx: Context): Promise<VolumeInfo[]> {
  await sweepVolumes(ctx);
  const volumes = new Volumes(ctx.layout);
  const names = await volumes.names();
  const users = names.length > 0 ? await volumeUsers(ctx) : [];
  return Promise.all(
    names.map(async (name) => {
      const { createdMs, from } = await volumes.need(name);
      return {
        name,
        created: new Date(createdMs).toISOString(),
        from: from || null,
        path: volumes.tree(name),
        usedBy: users.filter((u) => [...u.configured, ...u.mounted].includes(name)).map((user) => user.name),
        snapshots: await volumes.snapshots(name),
      };
    }),
  );
}

/**
 * Makes a volume: empty, or with a copy of what another or a snapshot of one (NAME@SNAP) has.
 * @throws TSCT_EXISTS (exit 4), TSCT_NO_VOLUME (exit 3), TSCT_BAD_NAME (exit 2).
 */
export async function createVolume(
  ctx: Context,
  name: string,
  from?: string,
): Promise<{ readonly name: string }> {
  const volumes = new Volumes(ctx.layout);
  volumes.needFree(name);
  const source = from === undefined ? undefined : parseAddress(from);
  if (source) await volumes.need(source.name, source.snapshot);
  await ctx.store.prepare();
  await sweepVolumes(ctx);
  await withVolumeLock(ctx, name, async () => {
    volumes.needFree(name);
    const fill = (tree: HostPath) => (source ? copyVolume(ctx, source, tree) : makeTree(tree));
    await volumes.make({ name }, { createdMs: Date.now(), from: from ?? '' }, { fill, removeTrees });
  });
  return { name };
}

/**
 * Keeps the present state of a volume. Containers that write to it stand still for the moment that it takes to copy
 * what they changed since the first pass.
 * @throws TSCT_NO_VOLUME (exit 3), TSCT_EXISTS (exit 4), TSCT_BAD_NAME (exit 2).
 */
export async function snapshotVolume(
  ctx: Context,
  name: string,
  snapshot = timeName(new Date()),
): Promise<{ readonly name: string; readonly snapshot: string }> {
  const volumes = new Volumes(ctx.layout);
  await volumes.need(name);
  volumes.needFree(name, snapshot);
  await withVolumeLock(ctx, name, async () => {
    await volumes.need(name);
    volumes.needFree(name, snapshot);
    const record = { createdMs: Date.now(), from: name };
    const fill = (tree: HostPath) => copyVolume(ctx, { name }, tree);
    await volumes.make({ name, snapshot }, record, { fill, removeTrees });
  });
  return { name, snapshot };
}

/** Throws volumes away with their snapshots, or single snapshots (NAME@SNAP). @throws TSCT_VOLUME_USED (exit 4). */
export async function destroyVolumes(
  ctx: Context,
  addresses: readonly string[],
): Promise<{ readonly name: string }[]> {
  await sweepVolumes(ctx);
  return forEach(addresses, async (address) => {
    const { name, snapshot } = parseAddress(address);
    const volumes = new Volumes(ctx.layout);
    await volumes.need(name, snapshot);
    await withVolumeLock(ctx, name, async () => {
      await volumes.need(name, snapshot);
      if (snapshot === undefined) await refuseUsed(ctx, name);
      await volumes.remove(removeTrees, name, snapshot);
    });
    return { name: address };
  });
}

async function refuseUsed(ctx: Context, volume: string): Promise<void> {
  const users = await volumeUsers(ctx);
  const mounted = users.filter((user) => user.mounted.includes(volume)).map((user) => user.name);
  const names = users.filter((user) => user.configured.includes(volume)).map((user) => user.name);
  const all = [...new Set([...names, ...mounted])];
  if (all.length === 0) return;
  throw new TsctError(
    'TSCT_VOLUME_USED',
    `cannot destroy volume ${volume}: ${all.join(', ')} has it attached`,
    {
      exitCode: ExitCode.WrongState,
      hint:
        names.length > 0
          ? `take Volume=${volume}:... out first: tsct config edit ${names[0]}`
          : `the present run still has it: tsct restart ${mounted[0]}`,
    },
  );
}

async function copyVolume(
  ctx: Context,
  source: { readonly name: string; readonly snapshot?: string },
  into: HostPath,
): Promise<void> {
  const from = new Volumes(ctx.layout).tree(source.name, source.snapshot);
  const trees = treeTools(ctx);
  if ((await isOnBtrfs(from)) && (await trees.isSubvolume(from))) {
    return trees.snapshotSubvolume(from, into);
  }
  await makeTree(into);
  const users = source.snapshot === undefined ? await volumeUsers(ctx) : [];
  const writers = users.filter((user) => user.writes.includes(source.name)).map((user) => user.name);
  if (writers.length === 0) await trees.copy([from], into);
  else await trees.copyLive(from, into, freezeAll(ctx, writers));
  // Before a name says that it is whole.
  await trees.sync(into);
}

/** All of them stand still at once: one inside the other. */
function freezeAll(ctx: Context, names: readonly string[]): Freezer {
  const [first, ...others] = names;
  if (first === undefined) throw new TsctError('TSCT_BUG', 'nobody to be kept still');
  const freeze = freezer(ctx, first, {});
  if (others.length === 0) return freeze;
  return (work) => freeze(async () => void (await freezeAll(ctx, others)(work)));
}

/** What killed commands left. */
export async function sweepVolumes(ctx: Context): Promise<void> {
  for (const { name, path } of await new Volumes(ctx.layout).temporaries()) {
    const lock = await FileLock.acquire(ctx.layout.lockFile(lockName(name)), { timeoutMs: 0 });
    if (!lock) continue;
    await removeTrees([path]).finally(() => lock.release());
  }
}

/** Names of containers have no `_`. */
function lockName(volume: string): string {
  return `_volume_${volume}`;
}

function withVolumeLock<T>(ctx: Context, volume: string, work: () => Promise<T>): Promise<T> {
  return withLock(ctx, lockName(volume), work);
}
