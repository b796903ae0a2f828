import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from '../base/address.js';
import { ExitCode, isErrno, TsctError } from '../base/errors.js';
import { type HostPath, RUN_ROOT } from '../base/paths.js';
import { readCurrent } from '../state/current.js';
import type { ConfigFile, DriverName } from '../state/root.js';
import { Snapshots } from '../state/snapshot.js';
import { driverOf } from '../storage/drivers.js';
import type { Pin } from '../storage/pin.js';
import { programPath } from '../supervisor/programs.js';
import { readConfig } from './config-files.js';
import type { Context } from './context.js';
import type { Hooks } from './freezer.js';
import { imageContext } from './image-context.js';
import { withLock } from './locking.js';
import { observe } from './observe.js';
import { withStateOf } from './snapshot-create.js';

/**
 * Where tsct-view shows trees: one place for all containers and all nights, since everybody sees only his own mounts
 * there, and a backup engine knows files again by their paths.
 */
export const VIEW_DIR: HostPath = join(RUN_ROOT, '.view');

/** Words that run a program in whose sight the trees, lowest first, are one at VIEW_DIR. */
export function viewWords(trees: readonly HostPath[], files: readonly string[] = []): string[] {
  return [
    programPath('tsct-view'),
    ...['--at', VIEW_DIR],
    // Descriptors that the program gets: 3, 4, ...
    ...files.flatMap((name, index) => ['--file', `${name}=${index + 3}`]),
    ...trees.flatMap((tree) => ['--tree', tree]),
    '--',
  ];
}

/** A state of a container that nobody changes while it is held. */
export interface HeldState {
  readonly name: string;
  readonly snapshot?: string;
  readonly driver: DriverName;
  /** Lowest first; together they are the root. */
  readonly trees: readonly HostPath[];
  readonly config: readonly ConfigFile[];
  /** When it was so. */
  readonly createdMs: number;
  readonly running: boolean;
}

/**
 * Holds a state for as long as `work` runs: a snapshot; of a running container its state now, taken as a snapshot
 * takes it; of a stopped one the root itself, which is looked at afterwards: nobody has to wait for `work`.
 * @param doing for the message, such as `export web`.
 * @throws TSCT_NO_CONTAINER, TSCT_NO_SNAPSHOT (exit 3), TSCT_CHANGED when the stopped one was started meanwhile.
 */
export async function withHeldState<T>(
  ctx: Context,
  { name, snapshot }: Address,
  doing: string,
  hooks: Hooks,
  work: (state: HeldState) => Promise<T>,
): Promise<T> {
  ctx.store.need(name);
  const { store } = imageContext(ctx);
  return store.withPin('', [], async (pin) => {
    if (snapshot !== undefined) return work(await holdSnapshot(ctx, name, snapshot, pin));
    const held = await withLock(ctx, name, () => holdPresent(ctx, name, hooks, pin));
    const result = await work(held.state);
    if (held.mark === undefined || (await markOf(ctx, name)) === held.mark) return result;
    throw new TsctError('TSCT_CHANGED', `cannot ${doing}: ${name} was started or changed while it was read`, {
      exitCode: ExitCode.WrongState,
      hint: `again, or of a snapshot: tsct snapshot create ${name}`,
    });
  });
}

async function holdSnapshot(ctx: Context, name: string, snapshot: string, pin: Pin): Promise<HeldState> {
  const { driver, layers, config, createdMs } = await new Snapshots(ctx.layout.snapshotDir(name), name).need(
    snapshot,
  );
  const { store } = imageContext(ctx);
  await store.keep(pin, layers);
  const trees = await store.present(layers);
  return { name, snapshot, driver, trees, config, createdMs, running: false };
}

/** The caller holds the lock. `mark` is there when it must be the same afterwards. */
async function holdPresent(ctx: Context, name: string, hooks: Hooks, pin: Pin) {
  ctx.store.need(name);
  const config = readConfig(ctx, name);
  const { store } = imageContext(ctx);
  const createdMs = Date.now();
  const hold = async (driver: DriverName, layers: readonly string[], running: boolean) => {
    await store.keep(pin, layers);
    const trees = await store.present(layers);
    return { name, driver, trees, config, createdMs, running };
  };
  if ((await observe(ctx, name)).status) {
    const state = await withStateOf(ctx, name, hooks, async ({ driver, layers, place }) => {
      await place();
      return hold(driver, layers, true);
    });
    return { state, mark: undefined };
  }
  const current = await readCurrent(ctx.layout.currentFile(name));
  const layers = driverOf(current.driver).asLayers(current);
  return { state: await hold(current.driver, layers, false), mark: await markOf(ctx, name) };
}

/** Differs once a stopped container was started, restored, destroyed: each writes `current` or the plan anew. */
async function markOf(ctx: Context, name: string): Promise<string> {
  try {
    const current = await readFile(ctx.layout.currentFile(name), 'utf8');
    const plan = await stat(ctx.layout.planFile(name), { bigint: true }).catch(() => undefined);
    const { status } = await observe(ctx, name);
    return `${current} ${plan?.ino} ${plan?.ctimeNs} ${status?.pid}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'gone';
    throw error;
  }
}
