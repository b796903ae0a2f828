import type { HostPath } from '../base/paths.js';
import { type Groups, number, type ReadText, readText } from './group-text.js';

/** What is read of a group, by controller and version. */
const FILES = {
  memory: {
    v2: [
      'memory.current',
      'memory.max',
      'memory.min',
      'memory.low',
      'memory.stat',
      'memory.swap.current',
      'memory.swap.max',
      'memory.events',
    ],
    v1: [
      'memory.usage_in_bytes',
      'memory.limit_in_bytes',
      'memory.memsw.limit_in_bytes',
      'memory.stat',
      'memory.oom_control',
    ],
  },
  cpu: { v2: ['cpu.max'], v1: ['cpu.cfs_quota_us', 'cpu.stat'] },
  pids: { v2: ['pids.current', 'pids.max'], v1: ['pids.current', 'pids.max'] },
  blkio: {
    v2: ['io.stat', 'io.max'],
    v1: [
      'blkio.throttle.io_service_bytes_recursive',
      'blkio.throttle.io_serviced_recursive',
      'blkio.throttle.read_bps_device',
      'blkio.throttle.write_bps_device',
      'blkio.throttle.read_iops_device',
      'blkio.throttle.write_iops_device',
    ],
  },
} as const;

/** Of every v2 group, whichever controllers it has. */
const UNIFIED_FILES = ['cpu.stat', 'cpu.pressure', 'memory.pressure', 'io.pressure'] as const;

/** The controllers that accounts are read of, by the names of v1. */
export type Controller = keyof typeof FILES;

/** What readAccounts reads: for whoever reads those of many containers ahead. */
export function accountFiles({ unified, v1 }: Groups): HostPath[] {
  const files = Object.entries(FILES).flatMap(([controller, names]) => {
    const group = v1.get(controller);
    return group === undefined ? inside(unified, names.v2) : inside(group, names.v1);
  });
  return [...files, ...inside(unified, UNIFIED_FILES)];
}

function inside(group: HostPath, names: readonly string[]): HostPath[] {
  return names.map((name) => `${group}/${name}`);
}

/** What readTotals reads. */
export function totalFiles({ unified, v1 }: Groups): { readonly memory: HostPath; readonly tasks: HostPath } {
  const memory = v1.get('memory');
  return {
    memory: memory === undefined ? `${unified}/memory.current` : `${memory}/memory.usage_in_bytes`,
    tasks: `${v1.get('pids') ?? unified}/pids.current`,
  };
}

/** Of all that only what a list of many shows: memory.stat and the like have the kernel add up what all CPUs know. */
export function readTotals(
  groups: Groups,
  read: ReadText = readText,
): { readonly memory: number | null; readonly tasks: number | null } {
  const files = totalFiles(groups);
  return { memory: number(read(files.memory)), tasks: number(read(files.tasks)) };
}
