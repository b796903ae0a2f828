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
  const { volatile } = storage;
  const readonly = files.readOnly || hasVolatileState(storage, writesTo);
  const tree: HostPath = `${root.upperDir}/tree`;
  const layers = [...root.layers, tree];
  if (writesTo !== 'kept' && volatile === 'yes') {
    return { driver: 'overlay', layers, upper: 'memory', usrOnly: true, readonly };
  }
  if (writesTo === 'memory' || (writesTo !== 'kept' && volatile === 'overlay')) {
    return { driver: 'overlay', layers, upper: 'memory', readonly };
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
  const options = ['nosuid', 'nodev', 'mode=0755', 'size=25%', 'nr_inodes=1m'];
  const mount = { destination: '/var', type: 'tmpfs', source: 'tmpfs', options } as const;
  return [{ mount, extra: { create: true } }];
}
