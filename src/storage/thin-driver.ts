import { dirname } from 'node:path';
import { ExitCode, TsctError } from '../base/errors.js';
import type { DriverContext } from './driver.js';
import { makeVolumeTree } from './volume.js';
import { volumeOf } from './volume-note.js';

/**
 * How the driver `lvm-thin` makes a tree: of one that is a volume in the pool wished for (any, when none is) by a
 * snapshot, which is neither activated nor mounted before somebody needs it; else a new volume, and a plain copy.
 * @throws TSCT_NO_POOL, TSCT_POOL_FULL, TSCT_PROGRAM_FAILED.
 */
export async function duplicateToVolume(
  { store, trees, pin, pool }: DriverContext,
  layers: readonly string[],
  durable: boolean,
): Promise<string> {
  const [only, ...more] = layers;
  const origin = only !== undefined && more.length === 0 ? volumeOf(dirname(store.tree(only))) : undefined;
  const maker = { stateRoot: store.stateRoot, pinFd: pin.fd };
  if (origin && (pool === undefined || pool === origin.pool)) {
    const from = { pool: origin.pool, origin: origin.volume };
    return store.addEmpty(pin, (tree) => makeVolumeTree(tree, from, maker));
  }
  if (pool === undefined) throw poolNotNamed();
  const id = await store.addEmpty(pin, (tree) => makeVolumeTree(tree, { pool }, maker));
  await trees.copy(await store.present(layers), store.tree(id), { durable });
  return id;
}

function poolNotNamed(): TsctError {
  return new TsctError('TSCT_NO_POOL', 'cannot make a root with driver lvm-thin: Storage.Pool is not set', {
    exitCode: ExitCode.Usage,
    hint: 'name a thin pool: --set Storage.Pool=VG/POOL; lvs tells which there are, lvcreate -T -L SIZE VG/POOL makes one',
  });
}
