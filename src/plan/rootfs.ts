import type { HostPath } from '../base/paths.js';
import type { ContainerDefinition } from '../definition/schema.js';
import type { RootfsPlan } from './launch-plan.js';
import type { PlannedMount } from './mounts.js';
import type { PlanInput, PlanRoot, WritesTo } from './plan-input.js';

/** The root as the config and the way it is started want it. Nothing is ever copied: what is thrown away is a layer. */
export function planRootfs(
  root: PlanRoot,
  { files, storage }: Pick<ContainerDefinition, 'files' | 'storage'>,
  writesTo: WritesTo,
  runLayer: HostPath,
): RootfsPlan {
  const { sizeMaxBytes } = storage;
  const rootfs = placeWrites(root, { files, storage }, writesTo, runLayer);
  if (writesTo === 'kept' || sizeMaxBytes === undefined || root.limitedBy === undefined) return rootfs;
  if (storage.volatile === 'state') return rootfs; // nothing is written to it: the size is that of /var
  return { ...rootfs, limit: { by: root.limitedBy, bytes: sizeMaxBytes } };
}

/** True if nothing that the run writes to its root goes to disk. */
export function writesToMemory(storage: ContainerDefinition['storage'], writesTo: WritesTo): boolean {
  if (writesTo === 'kept') return false;
  return writesTo === 'memory' || storage.volatile !== 'no';
}

function placeWrites(
  root: PlanRoot,
  { files, storage }: Pick<ContainerDefinition, 'files' | 'storage'>,
  writesTo: WritesTo,
  runLayer: HostPath,
): RootfsPlan {
  const readonly = files.readOnly || hasVolatileState(storage, writesTo);
  const tree: HostPath = `${root.upperDir}/tree`;
  const layers = [...root.layers, tree];
  if (writesToMemory(storage, writesTo) && (storage.volatile !== 'state' || writesTo === 'memory')) {
    const only = storage.volatile === 'yes' ? { usrOnly: true as const } : {};
    return { driver: 'overlay', layers, upper: 'memory', upperDir: runLayer, ...only, readonly };
  }
  if (writesTo === 'run') return { driver: 'overlay', layers, upper: 'run', upperDir: runLayer, readonly };
  return root.isOverlay
    ? { driver: 'overlay', layers: root.layers, upperDir: root.upperDir, readonly }
    : { driver: 'dir', path: tree, readonly };
}

/** Volatile=state: the root read-only, and /var in memory. */
function hasVolatileState(storage: ContainerDefinition['storage'], writesTo: WritesTo): boolean {
  return storage.volatile === 'state' && writesTo !== 'kept';
}

/** The /var of Volatile=state. */
export function volatileState({ definition, writesTo = 'config' }: PlanInput): PlannedMount[] {
  if (!hasVolatileState(definition.storage, writesTo)) return [];
  const size = definition.storage.sizeMaxBytes ?? '25%';
  const options = ['nosuid', 'nodev', 'mode=0755', `size=${size}`, 'nr_inodes=1m'];
  const mount = { destination: '/var', type: 'tmpfs', source: 'tmpfs', options } as const;
  return [{ mount, extra: { create: true } }];
}
