import { mkdir, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncPath, writeFileAtomic } from '../base/atomic-file.js';
import { TsctErrors } from '../base/errors.js';
import { run } from '../base/exec.js';
import { fault } from '../base/fault.js';
import type { HostPath } from '../base/paths.js';
import { makeFileSystem, makeVolume, mountVolume, removeVolume, snapshotVolume } from './lvm.js';
import type { StorageTools } from './tools.js';
import { isShown, noteFile, type VolumeMaker, type VolumeNote, volumeOf } from './volume-note.js';

/** Mounts a tree that is absent. The caller holds the lock of the store. @throws TSCT_PROGRAM_FAILED. */
export async function show(layerDir: HostPath): Promise<void> {
  const note = volumeOf(layerDir);
  if (note && !isShown(layerDir)) await mountVolume(note.volume, join(layerDir, 'tree'));
}

/** Makes `tree` a new volume: a snapshot of the volume of another, or, mounted, an empty one. */
export async function makeVolumeTree(
  tree: HostPath,
  from: { readonly pool: string; readonly origin?: string },
  maker: VolumeMaker,
): Promise<void> {
  const layerDir = dirname(tree);
  const volume = `${dirname(from.pool)}/tsct-${basename(layerDir)}`;
  const note: VolumeNote = { format: 1, volume, pool: from.pool };
  await mkdir(tree, { mode: 0o700 });
  await writeFileAtomic(noteFile(layerDir), `${JSON.stringify(note, null, 2)}\n`);
  await syncPath(dirname(layerDir));
  fault('thin.noted');
  if (from.origin !== undefined) await snapshotVolume(from.origin, volume, maker);
  else await makeVolume(from.pool, volume, maker);
  fault('thin.made');
  if (from.origin !== undefined) return;
  await makeFileSystem(volume);
  await mountVolume(volume, tree);
  await rmdir(join(tree, 'lost+found')); // e2fsck makes it again when it needs it
}

/**
 * Removes layers/ID directories with the volumes that they have.
 * @throws TSCT_PROGRAM_FAILED, TSCT_NATIVE: those that it says nothing of are gone, the others are still there.
 */
export async function removeLayers(
  layerDirs: readonly HostPath[],
  { removeTrees }: Pick<StorageTools, 'removeTrees'>,
): Promise<void> {
  const gone: HostPath[] = [];
  const failures: Error[] = [];
  for (const dir of layerDirs) {
    await dropVolume(dir).then(
      () => gone.push(dir),
      (error: Error) => failures.push(error),
    );
  }
  await removeTrees(gone);
  const [first, ...others] = failures;
  if (first) throw new TsctErrors([first, ...others]);
}

async function dropVolume(layerDir: HostPath): Promise<void> {
  const note = volumeOf(layerDir);
  if (!note) return;
  await hide(layerDir);
  fault('thin.hidden');
  await removeVolume(note.volume);
  fault('thin.dropped');
}

async function hide(layerDir: HostPath): Promise<void> {
  while (isShown(layerDir)) {
    await run('umount', [join(layerDir, 'tree')], { doing: 'unmount a tree' }).catch((error: unknown) => {
      // Another sweep may have been quicker.
      if (isShown(layerDir)) throw error;
    });
  }
}
